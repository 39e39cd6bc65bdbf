import type { MatchMethod, OverlayMessage, Shape, ShapesMessage } from '#protocol/overlay.ts';
import type { StateEntry } from '#protocol/overlay-state.ts';
import { FrameMatch, type MatchStats } from '../frame-sync/viewer/frame-match.ts';
import { type FrameLookup, ShownFrames } from '../frame-sync/viewer/shown-frame.ts';
import { OverlayCanvas } from './overlay-canvas.ts';
import { ShapeTopics } from './shape-topics.ts';

/** The shapes drawn on one frame of the video. */
export interface DrawnFrame {
  /** When the frame came to the screen and which frame it is, as the browser reports it. */
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
 * Draws the shapes of overlay messages on a canvas over the video. With `frames`, a message that
 * names a frame is drawn when that frame is on the screen; without them, at once.
 */
export class OverlayLayer {
  /** Called synchronously after each frame of the video, when its shapes have been drawn. */
  onFrameDrawn: ((frame: DrawnFrame) => void) | undefined;

  readonly #video: HTMLVideoElement;
  readonly #canvas: OverlayCanvas;
  readonly #topics = new ShapeTopics();
  /** Undefined where all messages are drawn at once. */
  readonly #sync: { readonly shownFrames: ShownFrames; readonly match: FrameMatch } | undefined;
  #videoFrame: number | undefined;
  #dueTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(
    canvas: HTMLCanvasElement,
    video: HTMLVideoElement,
    frames?: FrameLookup & { readonly lateness?: (ms: number) => void },
  ) {
    this.#video = video;
    this.#canvas = new OverlayCanvas(canvas, video, () => {
      this.#topics.expire(performance.now());
      return this.#topics.shown();
    });
    // Only this callback shows which frame is on the screen.
    if (frames && 'requestVideoFrameCallback' in video) {
      this.#sync = {
        shownFrames: new ShownFrames(video, frames),
        match: new FrameMatch(frames.lateness),
      };
      this.#awaitFrame();
    }
  }

  /** How messages find their frames; undefined where they are drawn at once. */
  get matchStats(): MatchStats | undefined {
    return this.#sync?.match.stats;
  }

  /** For measurements: no method surer than this one is used. */
  limitMatch(method: MatchMethod | undefined): void {
    this.#sync?.match.limit(method);
  }

  /** Whether the overlay is shown; messages are followed either way. */
  get visible(): boolean {
    return this.#canvas.visible;
  }

  set visible(visible: boolean) {
    this.#canvas.visible = visible;
  }

  /** Draws also before there is a frame: the publisher sends no video. */
  set drawsWithoutVideo(draws: boolean) {
    this.#canvas.drawsWithoutVideo = draws;
  }

  /** One message without a key; only those of kind `shapes` matter here. */
  apply(message: OverlayMessage): void {
    if (message.kind !== 'shapes' || this.#closed) return;
    const now = performance.now();
    const { capturedAt } = message.frame ?? {};
    if (capturedAt !== undefined) this.#sync?.shownFrames.messageArrived(capturedAt, now);
    const isDue = this.#sync?.match.offer(message, now) ?? true;
    if (isDue) {
      this.#topics.apply(message, now);
      this.#canvas.schedule();
    }
    this.#awaitDue();
  }

  /** One key of the state; only those of kind `shapes` matter here. */
  set(entry: StateEntry): void {
    if (entry.kind !== 'shapes' || this.#closed) return;
    this.#topics.set(entry, performance.now());
    this.#canvas.schedule();
  }

  /** A new broadcast: forgets everything of the old one. */
  reset(): void {
    this.#sync?.match.reset();
    this.#sync?.shownFrames.reset();
    this.#topics.clear();
    this.#awaitDue();
    this.#canvas.schedule();
  }

  /** A tag has arrived: a busy page may have shown its frame already. */
  tagArrived(rtpTimestamp: number): void {
    if (this.#closed) return;
    const frame = this.#sync?.shownFrames.identify(rtpTimestamp);
    if (!this.#sync || !frame) return;
    const now = performance.now();
    const due = this.#sync.match.frameIdentified(frame, now);
    if (due.length === 0) return;
    this.#applyDue(due, now);
    this.#canvas.draw();
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#dueTimer);
    if (this.#videoFrame !== undefined) this.#video.cancelVideoFrameCallback(this.#videoFrame);
    this.#topics.clear();
    this.#canvas.close();
  }

  #awaitFrame(): void {
    this.#videoFrame = this.#video.requestVideoFrameCallback((now, metadata) => {
      this.#awaitFrame();
      this.#frameShown(now, metadata);
    });
  }

  /** Runs in the same rendering step of the page that shows the frame: both appear together. */
  #frameShown(presentedAt: number, metadata: VideoFrameCallbackMetadata): void {
    if (!this.#sync) return;
    const { shownFrames, match } = this.#sync;
    const now = performance.now();
    const { frame, image, isTurned } = shownFrames.next(metadata);
    const hasGone = isTurned && this.#topics.pictureTurned();
    const due = match.frameShown(frame, now, isTurned);
    if (due.length > 0) this.#applyDue(due, now);
    const hasExpired = this.#topics.expire(now);
    if (due.length > 0 || hasExpired || hasGone) this.#canvas.draw();
    this.onFrameDrawn?.({
      presentedAt,
      mediaTime: metadata.mediaTime,
      rtpTimestamp: frame.rtpTimestamp,
      number: frame.tag?.number,
      image,
      drawn: this.#topics.shown().map(({ topic, seq, frame: frameId, shapes }) => ({
        topic,
        seq,
        frameNumber: frameId?.number,
        shapes,
      })),
    });
    image?.close();
  }

  #applyDue(due: readonly ShapesMessage[], now: number): void {
    for (const message of due) this.#topics.apply(message, now);
    this.#awaitDue();
  }

  /** One timer, for the topic that expires next and the message that is overdue next. */
  #awaitDue(): void {
    clearTimeout(this.#dueTimer);
    const next = Math.min(
      this.#topics.nextExpiry() ?? Infinity,
      this.#sync?.match.nextDue() ?? Infinity,
    );
    if (next === Infinity) return;
    this.#dueTimer = setTimeout(
      () => {
        const now = performance.now();
        const overdue = this.#sync?.match.overdue(now) ?? [];
        for (const message of overdue) this.#topics.apply(message, now);
        if (this.#topics.expire(now) || overdue.length > 0) this.#canvas.schedule();
        this.#awaitDue();
      },
      Math.max(1, next - performance.now()),
    );
  }
}
