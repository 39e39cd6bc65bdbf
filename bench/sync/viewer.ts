/**
 * A script in the viewer's page that runs before the page's own scripts. For each frame for which the
 * page has drawn the overlay, it records the number in the video and the number on the overlay's
 * canvas.
 *
 * The video plays on, also while a callback runs. So the script takes the frame with
 * `new VideoFrame(video)` at the start of the frame's callback, before anything else runs, and reads
 * it later. In Chromium a frame taken this way has its media time, which shows whether it is the frame
 * of the callback; the few frames that are not are left out and counted. In Firefox it has none; there
 * the script takes a second frame after the overlay was drawn, and counts frames during which the
 * video advanced.
 */
import type { MatchMethod, Shape } from '#protocol/overlay.ts';
import type { FrameRecord } from '../../frontend/src/ui/frame-debug.ts';
import { barcodeScript } from '#testkit/media/barcode.ts';
import { overlayCodeScript } from './overlay-code.ts';

export interface SeenFrame
  extends Pick<FrameRecord, 'rtpTimestamp' | 'number' | 'method' | 'delayMs' | 'late' | 'dropped'> {
  /** When the frame was seen, ms since 1970. */
  readonly at: number;
  /** Number in the frame; null where it can't be read. */
  readonly videoNumber: number | null;
  /** Whether the message for this frame had arrived when the frame appeared. */
  readonly inTime: boolean;
  /** Number in the video after the overlay was drawn. */
  readonly videoNumberAfter: number | null;
  /** Number on the overlay's canvas as the frame appears; null where nothing is drawn. */
  readonly overlayNumber: number | null;
  /** The same just before the next frame; messages that arrive in between are drawn at once. */
  overlayNumberAtEnd: number | null;
  /** Whether the frame that was taken is the one of the callback; null where the browser can't show it. */
  readonly sure: boolean | null;
  /** Decoded width, pixels: it shows the layer. */
  readonly width: number;
}

export interface ViewerBench {
  readonly frames: readonly SeenFrame[];
  attach(): void;
  /** Starts to record, and discards what was recorded before. */
  record(): void;
  stop(): SeenFrame[];
  /** The page uses no more reliable matching method than this. */
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
  // In Chromium a VideoFrame's timestamp is its media time, in µs. In Firefox it is another number.
  const hasMediaTime = navigator.userAgent.includes('Chrome');
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
  // This wrapper runs before every callback of the page.
  const { prototype } = HTMLVideoElement;
  const original = Object.getOwnPropertyDescriptor(prototype, 'requestVideoFrameCallback')?.value as
    | ((this: HTMLVideoElement, callback: VideoFrameRequestCallback) => number)
    | undefined;
  if (!original) return;
  prototype.requestVideoFrameCallback = function request(callback) {
    return original.call(this, (now, metadata) => {
      if (this.id === 'video' && metadata.presentedFrames !== presented) {
        presented = metadata.presentedFrames;
        // Before reading the canvas, which takes Firefox up to 20 ms while the video plays on.
        first?.close();
        first = take(this);
        const last = frames.at(-1);
        if (recording && last && overlay)
          last.overlayNumberAtEnd = overlayCode.read(overlay, this) ?? null;
      }
      callback(now, metadata);
    });
  };
  const debug = () => {
    const found = globalThis.onecast;
    if (!found) throw new Error('this is not a viewer page with ?debug');
    return found;
  };
  // Arrival time of the message with each number; this listener runs before the page's.
  const arrivedAt = new Map<number, number>();
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
      arrivedAt.set(overlayCode.of(message.shapes), performance.now());
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
      if (!video || !canvas) throw new Error('this is not a viewer page');
      overlay = canvas;
      debug().onFrameDrawn = (record) => {
        if (!recording || frames.length >= framesMax || !first) return;
        const after = take(video);
        const sure = hasMediaTime ? after?.timestamp === first.timestamp : null;
        const now = performance.now();
        const videoNumber = barcode.readFrom(first) ?? null;
        const arrived = videoNumber === null ? undefined : arrivedAt.get(videoNumber);
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
          videoNumber,
          inTime: arrived !== undefined && now - arrived < sameCycleMs,
          videoNumberAfter: after ? (barcode.readFrom(after) ?? null) : null,
          overlayNumber: drawn,
          overlayNumberAtEnd: drawn,
          sure,
          width: first.displayWidth,
        });
        after?.close();
      };
    },
  };
  globalThis.viewerBench = bench;
}
