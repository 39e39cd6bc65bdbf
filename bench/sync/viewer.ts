/**
 * Runs in the viewer's page, before its own scripts. For each frame of which the page says that it
 * has drawn the overlay: the number on the picture and the number on the overlay's canvas.
 *
 * The picture is taken as `new VideoFrame(video)` in the moment the page is told of a frame, before
 * anything else runs, and read afterwards: a video goes on by itself, also while a callback runs.
 * In Chromium the frame so taken names its media time, so that it is known for certain to be the
 * frame that the callback speaks of; the few that are not are left out and counted. Firefox names no
 * such time; there a second one is taken after the overlay was drawn, and frames during which the
 * picture went on are counted.
 */
import type { MatchMethod, Shape } from '#protocol/overlay.ts';
import type { FrameRecord } from '../../frontend/src/ui/frame-debug.ts';
import { barcodeScript } from '#testkit/media/barcode.ts';
import { overlayCodeScript } from './overlay-code.ts';

export interface SeenFrame
  extends Pick<FrameRecord, 'rtpTimestamp' | 'number' | 'method' | 'delayMs' | 'late' | 'dropped'> {
  /** When it was seen, ms since 1970. */
  readonly at: number;
  /** Number on the picture; null where it can't be read. */
  readonly picture: number | null;
  /** Whether the message made of this frame had come when the frame appeared. */
  readonly inTime: boolean;
  /** The same after the overlay was drawn. */
  readonly pictureAfter: number | null;
  /** Number on the overlay's canvas as the frame appears; null where nothing is drawn. */
  readonly overlay: number | null;
  /** The same just before the next frame: what came in between is drawn at once. */
  overlayAtEnd: number | null;
  /** Whether the picture taken is surely the one that was told of; null where the browser can't say. */
  readonly sure: boolean | null;
  /** Of the picture as it was decoded: which layer it is. */
  readonly width: number;
}

export interface ViewerBench {
  readonly frames: readonly SeenFrame[];
  attach(): void;
  /** From here on, with what was recorded before thrown away. */
  record(): void;
  stop(): SeenFrame[];
  /** No surer way of matching than this one is used. */
  match(method: MatchMethod): void;
}

declare global {
  var viewerBench: ViewerBench;
}

export function viewerScript(): string {
  return `${barcodeScript()}
  ${overlayCodeScript()}
  (${install.toString()})();`;
}

function install(): void {
  const framesMax = 20_000;
  // Chromium's media time in a VideoFrame is whole microseconds; Firefox puts another number there.
  const namesItsTime = navigator.userAgent.includes('Chrome');
  let frames: SeenFrame[] = [];
  let recording = false;
  let overlay: HTMLCanvasElement | undefined;
  let first: VideoFrame | undefined;
  let presented = -1;
  const take = (video: HTMLVideoElement): VideoFrame | undefined => {
    try {
      return new VideoFrame(video);
    } catch {
      return undefined;
    }
  };
  // Whoever in the page asks for the callback, it is we who are called first.
  const { prototype } = HTMLVideoElement;
  const original = Object.getOwnPropertyDescriptor(prototype, 'requestVideoFrameCallback')?.value as
    | ((this: HTMLVideoElement, callback: VideoFrameRequestCallback) => number)
    | undefined;
  if (!original) return;
  prototype.requestVideoFrameCallback = function request(callback) {
    return original.call(this, (now, metadata) => {
      if (this.id === 'video' && metadata.presentedFrames !== presented) {
        presented = metadata.presentedFrames;
        // Before the canvas is read: that takes Firefox up to 20 ms, and the picture goes on meanwhile.
        first?.close();
        first = take(this);
        const last = frames.at(-1);
        if (recording && last && overlay)
          last.overlayAtEnd = overlayCode.read(overlay, this) ?? null;
      }
      callback(now, metadata);
    });
  };
  const debug = () => {
    const found = globalThis.onecast;
    if (!found) throw new Error('this is no viewer page with ?debug');
    return found;
  };
  // When the message of each number has come; heard of before the page hears of it.
  const cameAt = new Map<number, number>();
  const sameCycleMs = 3_000;
  const make = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, 'createDataChannel')
    ?.value as (
    this: RTCPeerConnection,
    ...args: Parameters<RTCPeerConnection['createDataChannel']>
  ) => RTCDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function create(...args) {
    const channel = make.apply(this, args);
    channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (typeof data !== 'string') return;
      const message = JSON.parse(data) as { topic?: string; shapes?: Shape[] };
      if (message.topic !== 'sync' || !message.shapes) return;
      cameAt.set(overlayCode.of(message.shapes), performance.now());
    });
    return channel;
  };
  const bench: ViewerBench = {
    get frames() {
      return frames;
    },
    record() {
      frames = [];
      recording = true;
    },
    stop() {
      recording = false;
      return frames;
    },
    match(method) {
      debug().forceMatch?.(method);
    },
    attach() {
      const video = document.querySelector<HTMLVideoElement>('#video');
      const canvas = document.querySelector<HTMLCanvasElement>('#overlay');
      if (!video || !canvas) throw new Error('this is no viewer page');
      overlay = canvas;
      debug().onFrameDrawn = (record) => {
        if (!recording || frames.length >= framesMax || !first) return;
        const after = take(video);
        const sure = namesItsTime ? after?.timestamp === first.timestamp : null;
        const now = performance.now();
        const picture = barcode.readFrom(first) ?? null;
        const came = picture === null ? undefined : cameAt.get(picture);
        const drawn = overlayCode.read(canvas, video) ?? null;
        const { rtpTimestamp, number, method, delayMs, late, dropped } = record;
        frames.push({
          rtpTimestamp,
          number,
          method,
          delayMs,
          late,
          dropped,
          at: performance.timeOrigin + now,
          picture,
          inTime: came !== undefined && now - came < sameCycleMs,
          pictureAfter: after ? (barcode.readFrom(after) ?? null) : null,
          overlay: drawn,
          overlayAtEnd: drawn,
          sure,
          width: first.displayWidth,
        });
        after?.close();
      };
    },
  };
  globalThis.viewerBench = bench;
}
