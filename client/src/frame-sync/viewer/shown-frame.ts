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
