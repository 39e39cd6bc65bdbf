import { TICKS_PER_MS } from './timeline.ts';
import { toUint32 } from './uint32.ts';

/** What is known of the frames that a video shows. */
export interface FrameLookup {
  /** The known frame nearest to an RTP timestamp that is not quite known. */
  near(rtpTimestamp: number, toleranceTicks: number): number | undefined;
}

/** The media clock follows the RTP clock within a few ms: less than half of a frame at 60/s. */
const TOLERANCE_MS = 8;
/** A page that is told so late has other worries. */
const AHEAD_MAX_MS = 1_000;

/**
 * The RTP timestamp of `picture`, which the video shows now. A busy page is told of a frame when the
 * next is on the screen already; the media time of the picture itself tells, where the browser has one.
 */
export function shownRtpTimestamp(
  picture: Pick<VideoFrame, 'timestamp'> | undefined,
  { rtpTimestamp, mediaTime }: Pick<VideoFrameCallbackMetadata, 'rtpTimestamp' | 'mediaTime'>,
  frames: FrameLookup,
): number | undefined {
  if (rtpTimestamp === undefined || !picture) return rtpTimestamp;
  const aheadMs = picture.timestamp / 1000 - mediaTime * 1000;
  const known = aheadMs >= 1 && aheadMs <= AHEAD_MAX_MS;
  if (!known) return rtpTimestamp;
  const guess = toUint32(rtpTimestamp + Math.round(aheadMs * TICKS_PER_MS));
  return frames.near(guess, TOLERANCE_MS * TICKS_PER_MS) ?? rtpTimestamp;
}

/**
 * What the video shows now, where its time will say which frame that is; the caller closes it.
 * Firefox has 0 for the media time of every frame of a stream, and would copy the picture: 2 to 17 ms.
 */
export function shownPicture(
  video: HTMLVideoElement,
  { mediaTime }: Pick<VideoFrameCallbackMetadata, 'mediaTime'>,
): VideoFrame | undefined {
  if (typeof VideoFrame === 'undefined' || mediaTime === 0) return undefined;
  try {
    return new VideoFrame(video);
  } catch {
    // Nothing is shown yet, or the browser has no frames of streams.
    return undefined;
  }
}
