import type { MatchMethod, OverlayMessage, Shape } from '#protocol/overlay.ts';
import type { StateEntry } from '#protocol/overlay-state.ts';
import { drawTopics } from './draw.ts';
import { CaptureClock } from './capture-clock.ts';
import { FrameMatch, type MatchStats } from '../frame-sync/viewer/frame-match.ts';
import { pictureRect } from './geometry.ts';
import {
  type FrameLookup,
  shownImage,
  shownRtpTimestamp,
} from '../frame-sync/viewer/shown-frame.ts';
import { ShapeTopics } from './shape-topics.ts';

/** What was drawn on a frame of the video. */
export interface DrawnFrame {
  /** When the frame came to the screen and what it is, as the browser tells it. */
  readonly presentedAt: number;
  readonly mediaTime: number;
  readonly rtpTimestamp: number | undefined;
  readonly number: number | undefined;
  /** The content of the frame, where the browser gives it; closed after the call. */
  readonly image: VideoFrame | undefined;
  readonly drawn: readonly {
    readonly topic: string;
    readonly frameNumber: number | undefined;
    readonly seq: number;
    readonly shapes: readonly Shape[];
  }[];
}

/**
 * Draws the shapes over the picture, on a canvas that lies over the video with the same CSS box.
 * The video is shown with `object-fit: contain`. Draws only when something has changed. With
 * `frames` a message that names a frame is drawn when that frame is on the screen, without them at
 * once.
 */
export class OverlayLayer {
  /** Told synchronously after each frame of the video, when what belongs on it has been drawn. */
  onFrameDrawn: ((frame: DrawnFrame) => void) | undefined;

  readonly #canvas: HTMLCanvasElement;
  readonly #video: HTMLVideoElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #topics = new ShapeTopics();
  readonly #frames: FrameLookup | undefined;
  readonly #match: FrameMatch | undefined;
  readonly #clock = new CaptureClock();
  readonly #closing = new AbortController();
  readonly #resizes: ResizeObserver;
  #density: MediaQueryList | undefined;
  #frame: number | undefined;
  #videoFrame: number | undefined;
  /** The frame on the screen, where its tag has not come yet. */
  #untagged: number | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #visible = true;

  constructor(
    canvas: HTMLCanvasElement,
    video: HTMLVideoElement,
    frames?: FrameLookup & { readonly lateness?: (ms: number) => void },
  ) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This browser gives no 2D canvas.');
    this.#canvas = canvas;
    this.#video = video;
    this.#context = context;
    this.#resizes = new ResizeObserver(this.#schedule);
    this.#resizes.observe(video);
    const { signal } = this.#closing;
    // `resize` comes when the picture itself changes its size (a simulcast layer, another camera).
    for (const event of ['resize', 'loadedmetadata', 'emptied']) {
      video.addEventListener(event, this.#schedule, { signal });
    }
    document.addEventListener('fullscreenchange', this.#schedule, { signal });
    this.#watchDensity();
    this.#schedule();
    // Without the callback nobody knows which frame is on the screen.
    if (frames && 'requestVideoFrameCallback' in video) {
      this.#frames = frames;
      this.#match = new FrameMatch(frames.lateness);
      this.#awaitFrame();
    }
  }

  /** How messages find their frames; undefined where they are drawn at once. */
  get matchStats(): MatchStats | undefined {
    return this.#match?.stats;
  }

  /** For measurements: no surer method than this is used. */
  limitMatch(method: MatchMethod | undefined): void {
    this.#match?.limit(method);
  }

  /** Whether the overlay is shown; messages are followed either way. */
  get visible(): boolean {
    return this.#visible;
  }

  set visible(visible: boolean) {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.#schedule();
  }

  /** Takes messages of kind `shapes` and ignores the others. */
  apply(message: OverlayMessage): void {
    if (message.kind !== 'shapes' || this.#closing.signal.aborted) return;
    const now = performance.now();
    const { frame } = message;
    if (frame?.capturedAt !== undefined) this.#clock.message(frame.capturedAt, now);
    const due = this.#match?.offer(message, now) ?? true;
    if (due) {
      this.#topics.apply(message, now);
      this.#schedule();
    }
    this.#awaitExpiry();
  }

  /** One key of the state; of kind `shapes`, others are ignored. */
  set(entry: StateEntry): void {
    if (entry.kind !== 'shapes' || this.#closing.signal.aborted) return;
    this.#topics.set(entry, performance.now());
    this.#schedule();
  }

  /** A new broadcast: nothing of the old one stays. */
  reset(): void {
    this.#match?.reset();
    this.#clock.reset();
    this.#topics.clear();
    this.#awaitExpiry();
    this.#schedule();
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#resizes.disconnect();
    this.#density?.removeEventListener('change', this.#densityChanged);
    clearTimeout(this.#expiry);
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    if (this.#videoFrame !== undefined) this.#video.cancelVideoFrameCallback(this.#videoFrame);
    this.#topics.clear();
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #awaitFrame(): void {
    this.#videoFrame = this.#video.requestVideoFrameCallback((now, metadata) => {
      this.#awaitFrame();
      this.#frameShown(now, metadata);
    });
  }

  /** Runs in the same step of the page's rendering that brings the frame: both appear together. */
  #frameShown(presentedAt: number, metadata: VideoFrameCallbackMetadata): void {
    const frames = this.#frames;
    if (!frames) return;
    const now = performance.now();
    const image = shownImage(this.#video, metadata);
    const rtpTimestamp = shownRtpTimestamp(image, metadata, frames);
    const tag = frames.tagOf(rtpTimestamp);
    this.#untagged = tag ? undefined : rtpTimestamp;
    const estimatedCapturedAt = this.#clock.capturedAt(metadata.receiveTime);
    const due = this.#match?.frameShown({ rtpTimestamp, tag, estimatedCapturedAt }, now) ?? [];
    for (const message of due) this.#topics.apply(message, now);
    const expired = this.#topics.expire(now);
    if (due.length > 0) this.#awaitExpiry();
    if (due.length > 0 || expired) this.#draw();
    this.onFrameDrawn?.({
      presentedAt,
      mediaTime: metadata.mediaTime,
      rtpTimestamp,
      number: tag?.number,
      image,
      drawn: this.#topics.shown().map(({ topic, seq, frame, shapes }) => ({
        topic,
        seq,
        frameNumber: frame?.number,
        shapes,
      })),
    });
    image?.close();
  }

  /** A tag has come: a busy page may have shown its frame already. */
  tagArrived(rtpTimestamp: number): void {
    if (rtpTimestamp !== this.#untagged) return;
    this.#untagged = undefined;
    const now = performance.now();
    const tag = this.#frames?.tagOf(rtpTimestamp);
    const due =
      this.#match?.frameIdentified({ rtpTimestamp, tag, estimatedCapturedAt: undefined }, now) ??
      [];
    if (due.length === 0) return;
    for (const message of due) this.#topics.apply(message, now);
    this.#awaitExpiry();
    this.#draw();
  }

  readonly #schedule = (): void => {
    if (this.#frame !== undefined || this.#closing.signal.aborted) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#topics.expire(performance.now());
      this.#draw();
    });
  };

  #draw(): void {
    const canvas = this.#canvas;
    const { clientWidth, clientHeight, videoWidth, videoHeight } = this.#video;
    const ratio = window.devicePixelRatio;
    const width = Math.round(clientWidth * ratio);
    const height = Math.round(clientHeight * ratio);
    // Setting the size clears the canvas, even to the same size.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, width, height);
    const picture = pictureRect(
      { width: clientWidth, height: clientHeight },
      { width: videoWidth, height: videoHeight },
    );
    if (!this.#visible || !picture) return;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawTopics(this.#context, picture, this.#topics.shown());
  }

  /** One timer, for whatever ends first. */
  #awaitExpiry(): void {
    clearTimeout(this.#expiry);
    const next = Math.min(
      this.#topics.nextExpiry() ?? Infinity,
      this.#match?.nextDue() ?? Infinity,
    );
    if (next === Infinity) return;
    this.#expiry = setTimeout(
      () => {
        const now = performance.now();
        const overdue = this.#match?.overdue(now) ?? [];
        for (const message of overdue) this.#topics.apply(message, now);
        if (this.#topics.expire(now) || overdue.length > 0) this.#schedule();
        this.#awaitExpiry();
      },
      Math.max(1, next - performance.now()),
    );
  }

  /** A media query can only ask whether the ratio still is what it was: each change asks anew. */
  #watchDensity(): void {
    this.#density = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    this.#density.addEventListener('change', this.#densityChanged, { once: true });
  }

  readonly #densityChanged = (): void => {
    this.#watchDensity();
    this.#schedule();
  };
}
