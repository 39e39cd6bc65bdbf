import { type FrameId, MATCH_METHODS, type MatchMethod } from '#protocol/overlay.ts';
import { distance, TICKS_PER_MS } from '../rtp-time.ts';
import type { ShownFrame } from './shown-frame.ts';

export const FRAME_DISTANCE = {
  /** For so long after the last tag, a frame without a tag is an exception; then it is the rule. */
  tagPatienceMs: 1_000,
  /** A frame further ahead of the shown one is not on its way: 10 s at 60/s. */
  aheadMaxFrames: 600,
  aheadMaxMs: 10_000,
  /** By its time a frame is further ahead only where the two clocks differ: no viewer waits longer for it. */
  timeAheadMaxMs: 2_000,
  /** Analysis finishes out of order by less. Data of a frame that is still earlier comes from a clock that was set. */
  orderMaxMs: 2_000,
  /** Both sides round to whole ms. */
  rtpToleranceTicks: 2 * TICKS_PER_MS,
  /** Half of a frame at 30/s: the nearest frame is meant. */
  timeToleranceMs: 17,
} as const;

/** What is further behind comes from another count or clock. In frames, RTP ticks and ms. */
const BEFORE_MAX = {
  tag: FRAME_DISTANCE.aheadMaxFrames,
  rtp: FRAME_DISTANCE.aheadMaxMs * TICKS_PER_MS,
  time: FRAME_DISTANCE.orderMaxMs,
} as const;

/** How far a message's frame is ahead of a shown frame. */
export interface FrameDistance {
  readonly method: Exclude<MatchMethod, 'newest'>;
  /** 0 for the same frame, negative where the message's frame is earlier; the unit depends on the method. */
  readonly ahead: number;
}

/** The tag is still to come, and will decide: until then the message waits. */
const AWAITS_TAG: FrameDistance = { method: 'tag', ahead: Infinity };

/** Compares the frame of a message with a shown frame, by the surest method that both allow. */
export class FrameComparison {
  #allowed: ReadonlySet<MatchMethod> = new Set(MATCH_METHODS);
  #taggedAt = -Infinity;
  #expectsTags = false;
  /** This viewer's RTP timestamps minus the publisher's, by the last frame of which both are known. */
  #rtpShift: number | undefined;

  /** For measurements: no method surer than this one is used; undefined removes the limit. */
  limit(method: MatchMethod | undefined): void {
    const from = method === undefined ? 0 : MATCH_METHODS.indexOf(method);
    this.#allowed = new Set(MATCH_METHODS.slice(from));
  }

  /** Another frame is on the screen. */
  frameShown(shown: ShownFrame, now: number): void {
    this.tagSeen(shown, now);
    this.#expectsTags = now - this.#taggedAt < FRAME_DISTANCE.tagPatienceMs;
  }

  /** The tag of the frame on the screen has come, perhaps. */
  tagSeen({ tag }: ShownFrame, now: number): void {
    if (tag?.number !== undefined) this.#taggedAt = now;
  }

  /** `frameId` is certainly the shown frame. */
  sameFrame(frameId: FrameId, { rtpTimestamp, tag }: ShownFrame): void {
    if (tag?.number === undefined || tag.number !== frameId.number) return;
    if (rtpTimestamp === undefined || frameId.rtpTimestamp === undefined) return;
    this.#rtpShift = distance(rtpTimestamp, frameId.rtpTimestamp);
  }

  /** Undefined where the two can't be compared, or the message's frame is too far ahead to come. */
  distance(frameId: FrameId, shown: ShownFrame): FrameDistance | undefined {
    const { tag } = shown;
    if (this.#allowed.has('tag') && frameId.number !== undefined) {
      if (tag?.number !== undefined) {
        const ahead = distance(frameId.number, tag.number);
        return within('tag', ahead, 0, FRAME_DISTANCE.aheadMaxFrames);
      }
      // A frame without a tag among frames that have one: on a busy page the tag may come after the frame.
      if (this.#expectsTags) return this.#byNeighbours(frameId, shown);
    }
    const { rtpTimestamp, capturedAt } = frameId;
    if (
      this.#allowed.has('rtp') &&
      rtpTimestamp !== undefined &&
      shown.rtpTimestamp !== undefined
    ) {
      const ahead = distance(rtpTimestamp, shown.rtpTimestamp);
      const most = FRAME_DISTANCE.aheadMaxMs * TICKS_PER_MS;
      // Timestamps far apart in either direction belong to different RTP clocks.
      if (Math.abs(ahead) <= most) {
        return within('rtp', ahead, FRAME_DISTANCE.rtpToleranceTicks, most);
      }
    }
    const shownAt = tag?.capturedAt ?? shown.estimatedCapturedAt;
    if (this.#allowed.has('time') && capturedAt !== undefined && shownAt !== undefined) {
      const { timeToleranceMs, timeAheadMaxMs } = FRAME_DISTANCE;
      return within('time', capturedAt - shownAt, timeToleranceMs, timeAheadMaxMs);
    }
    return undefined;
  }

  /** Whether the message's frame certainly came before this shown one. */
  isBefore(frameId: FrameId, shown: ShownFrame): boolean {
    const away = this.distance(frameId, shown);
    if (!away || away.ahead >= 0) return false;
    return -away.ahead <= BEFORE_MAX[away.method];
  }

  /** A new broadcast. */
  reset(): void {
    this.#taggedAt = -Infinity;
    this.#expectsTags = false;
    this.#rtpShift = undefined;
  }

  /** By earlier frames, whose tags and messages gave the difference between the two ends' RTP timestamps. */
  #byNeighbours({ rtpTimestamp }: FrameId, shown: ShownFrame): FrameDistance {
    const shift = this.#rtpShift;
    if (shift === undefined || rtpTimestamp === undefined || shown.rtpTimestamp === undefined) {
      return AWAITS_TAG;
    }
    const ahead = distance(rtpTimestamp + shift, shown.rtpTimestamp);
    const most = FRAME_DISTANCE.aheadMaxMs * TICKS_PER_MS;
    return within('tag', ahead, FRAME_DISTANCE.rtpToleranceTicks, most) ?? AWAITS_TAG;
  }
}

function within(
  method: FrameDistance['method'],
  ahead: number,
  tolerance: number,
  most: number,
): FrameDistance | undefined {
  if (ahead > most) return undefined;
  return { method, ahead: Math.abs(ahead) <= tolerance ? 0 : ahead };
}

/** Whether frame `a` is earlier than `b`, as far as the two can be compared; false where they are too far apart. */
export function isEarlier(a: FrameId, b: FrameId): boolean {
  if (a.number !== undefined && b.number !== undefined) {
    const behind = distance(b.number, a.number);
    return behind > 0 && behind <= FRAME_DISTANCE.aheadMaxFrames;
  }
  if (a.capturedAt !== undefined && b.capturedAt !== undefined) {
    const behind = b.capturedAt - a.capturedAt;
    return behind > 0 && behind <= FRAME_DISTANCE.orderMaxMs;
  }
  return false;
}
