/** Which frame a <video> shows now. */
import { TICKS_PER_MS, toUint32 } from '../rtp-time.ts';
import type { FrameTag } from '../tag.ts';

/** A frame that is on the screen, as far as it is identified. */
export interface ShownFrame {
  readonly rtpTimestamp: number | undefined;
  readonly tag: FrameTag | undefined;
  /** ms since 1970 by the publisher's clock, for a frame without a tag: an estimate. */
  readonly estimatedCapturedAt: number | undefined;
}

/** The tags of the frames that a video shows; `ViewerFrames` has them. */
export interface FrameLookup {
  tagOf(rtpTimestamp: number | undefined): FrameTag | undefined;
  /** The RTP timestamp of the tagged frame that is nearest to an estimated one. */
  nearest(rtpTimestamp: number, toleranceTicks: number): number | undefined;
}

/** The media clock follows the RTP clock within a few ms: less than half of a frame at 60/s. */
const TOLERANCE_MS = 8;
/** A callback that is later than this is not corrected: such a page has worse problems. */
const AHEAD_MAX_MS = 1_000;

/**
 * Another shape of the picture than this is another picture: the camera was turned or replaced. Layers
 * of one picture differ less, by rounding.
 */
const SHAPE_CHANGE = 0.05;

/** The shortest travel time of the last 10 to 20 s counts: connections and analysis change. */
const WINDOW_MS = 10_000;

/** A message that seems faster by more than this comes from a clock that was set, or is wrong just once. */
const STEP_MS = 2_000;
/** So many of them in a row: the clock was set. */
const STEP_MESSAGES = 5;

/** Identifies the frames that a video shows. */
export class ShownFrames {
  readonly #video: HTMLVideoElement;
  readonly #frames: FrameLookup;
  readonly #clock = new CaptureClock();
  /** The RTP timestamp of the frame on the screen, while its tag has not arrived. */
  #untagged: number | undefined;
  /** Width by height of the frame on the screen. */
  #shape: number | undefined;

  constructor(video: HTMLVideoElement, frames: FrameLookup) {
    this.#video = video;
    this.#frames = frames;
  }

  /**
   * The frame that is on the screen now, for its frame callback; the caller closes the image.
   * `isTurned`: its picture has another shape than that of the frame before.
   */
  next(metadata: VideoFrameCallbackMetadata): {
    frame: ShownFrame;
    image: VideoFrame | undefined;
    isTurned: boolean;
  } {
    const image = shownImage(this.#video, metadata);
    const rtpTimestamp = shownRtpTimestamp(image, metadata, this.#frames);
    const tag = this.#frames.tagOf(rtpTimestamp);
    this.#untagged = tag ? undefined : rtpTimestamp;
    const estimatedCapturedAt = this.#clock.capturedAt(metadata.receiveTime);
    return {
      frame: { rtpTimestamp, tag, estimatedCapturedAt },
      image,
      isTurned: this.#isTurned(metadata),
    };
  }

  #isTurned({ width, height }: VideoFrameCallbackMetadata): boolean {
    const before = this.#shape;
    const shape = width / height;
    if (!Number.isFinite(shape)) return false;
    this.#shape = shape;
    return before !== undefined && Math.abs(shape / before - 1) > SHAPE_CHANGE;
  }

  /** A tag has arrived: the frame on the screen with its tag, or undefined where it is another frame's. */
  identify(rtpTimestamp: number): ShownFrame | undefined {
    if (rtpTimestamp !== this.#untagged) return undefined;
    this.#untagged = undefined;
    const tag = this.#frames.tagOf(rtpTimestamp);
    return { rtpTimestamp, tag, estimatedCapturedAt: undefined };
  }

  /** A message of a frame captured at `capturedAt` has arrived now. */
  messageArrived(capturedAt: number, now: number): void {
    this.#clock.messageArrived(capturedAt, now);
  }

  /** A new broadcast. */
  reset(): void {
    this.#clock.reset();
    this.#shape = undefined;
  }
}

/**
 * Estimates when a frame without a tag was captured, by the publisher's clock. Data and video take
 * about the same time to get here. So the fastest message shows the difference between the
 * publisher's clock and this page's, travel time included; the frame's receive time gives the rest.
 */
export class CaptureClock {
  #least = Infinity;
  #leastBefore = Infinity;
  #windowStart = -Infinity;
  #stepMessages = 0;

  /** A message of a frame captured at `capturedAt` has arrived now. */
  messageArrived(capturedAt: number, now: number): void {
    const age = now - this.#windowStart;
    if (age > WINDOW_MS) {
      this.#leastBefore = age > 2 * WINDOW_MS ? Infinity : this.#least;
      this.#least = Infinity;
      this.#windowStart = now;
    }
    const difference = now - capturedAt;
    const known = Math.min(this.#least, this.#leastBefore);
    const isStep = known !== Infinity && difference < known - STEP_MS;
    this.#stepMessages = isStep ? this.#stepMessages + 1 : 0;
    if (isStep && this.#stepMessages < STEP_MESSAGES) return;
    this.#least = Math.min(this.#least, difference);
  }

  /** ms since 1970 by the publisher's clock; undefined before the first message. */
  capturedAt(receivedAt: number | undefined): number | undefined {
    const difference = Math.min(this.#least, this.#leastBefore);
    if (receivedAt === undefined || difference === Infinity) return undefined;
    return receivedAt - difference;
  }

  reset(): void {
    this.#least = Infinity;
    this.#leastBefore = Infinity;
    this.#windowStart = -Infinity;
    this.#stepMessages = 0;
  }
}

/**
 * The RTP timestamp of `image`, which the video shows now. A busy page may get the callback of a frame
 * when the next one is already on the screen; the media time of the image itself shows that, in
 * browsers that have one.
 */
export function shownRtpTimestamp(
  image: Pick<VideoFrame, 'timestamp'> | undefined,
  { rtpTimestamp, mediaTime }: Pick<VideoFrameCallbackMetadata, 'rtpTimestamp' | 'mediaTime'>,
  frames: Pick<FrameLookup, 'nearest'>,
): number | undefined {
  if (rtpTimestamp === undefined || !image) return rtpTimestamp;
  const aheadMs = image.timestamp / 1000 - mediaTime * 1000;
  const isLater = aheadMs >= 1 && aheadMs <= AHEAD_MAX_MS;
  if (!isLater) return rtpTimestamp;
  const estimate = toUint32(rtpTimestamp + Math.round(aheadMs * TICKS_PER_MS));
  return frames.nearest(estimate, TOLERANCE_MS * TICKS_PER_MS) ?? rtpTimestamp;
}

/**
 * The image that the video shows now, where its time identifies the frame; the caller closes it.
 * Undefined in Firefox, which has media time 0 for every frame of a stream, and would copy the image:
 * 2 to 17 ms.
 */
export function shownImage(
  video: HTMLVideoElement,
  { mediaTime }: Pick<VideoFrameCallbackMetadata, 'mediaTime'>,
): VideoFrame | undefined {
  if (typeof VideoFrame === 'undefined' || mediaTime === 0) return undefined;
  try {
    return new VideoFrame(video);
  } catch {
    // Nothing is shown yet, or the browser gives no frames of streams.
    return undefined;
  }
}
