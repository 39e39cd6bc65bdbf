import type { FrameTag } from './tag.ts';
import { TICKS_PER_MS, TIMELINE, Timeline } from './timeline.ts';
import { distance, toUint32 } from './uint32.ts';

export const SENT_NUMBERING = {
  /** What an encoder usually takes: a frame was captured so long before it comes out. */
  encodeMs: 15,
  /** Frames of a layer whose place among the lowest's is not known yet. */
  deferredMax: 16,
  /** Frames of the lowest, one after another, that no other layer has announced: places are looked for anew. */
  strangersMax: 15,
  /** A frame further ahead is none that the lowest still has to bring. */
  aheadMaxMs: 1_100,
} as const;

export interface SentFrameId extends FrameTag {
  readonly number: number;
}

interface Frame extends SentFrameId {
  readonly ticks: number;
  readonly at: number;
  /** Another layer has brought it; the lowest has not yet. */
  awaited: boolean;
}

/**
 * Numbers frames by what is sent, where nobody tells what is captured. Each frame of the lowest layer
 * is one; those of the other layers find theirs by the difference of the layers' clocks, which is
 * constant. Layers come out in any order, so a frame may get its number before the lowest brings it,
 * and the difference is looked for only when the lowest has brought its frame as well.
 */
export class SentNumbering {
  readonly #frames: Frame[] = [];
  readonly #layers = new Map<number, Timeline>();
  readonly #wall: (at: number) => number;
  #deferred: { ssrc: number; rtpTimestamp: number; at: number }[] = [];
  #lowest: number | undefined;
  #strangers = 0;
  #next = 0;

  /** `wall` turns the clock of `at` into ms since 1970. */
  constructor(wall: (at: number) => number) {
    this.#wall = wall;
  }

  /** A frame of the lowest layer. */
  lowest(ssrc: number, rtpTimestamp: number, at: number): SentFrameId {
    if (ssrc !== this.#lowest) this.#begin(ssrc);
    const awaited = this.#frames.find(
      (each) =>
        each.awaited && Math.abs(distance(each.ticks, rtpTimestamp)) <= TIMELINE.toleranceTicks,
    );
    this.#judge(awaited !== undefined);
    if (awaited) awaited.awaited = false;
    const frame = awaited ?? this.#add(rtpTimestamp, at, false);
    for (const other of this.#deferred.splice(0))
      this.#place(other.ssrc, other.rtpTimestamp, other.at);
    return frame;
  }

  /** A frame of any other layer. */
  other(ssrc: number, rtpTimestamp: number, at: number): FrameTag {
    const offset = this.#layers.get(ssrc)?.offset;
    if (offset === undefined) {
      this.#deferred.push({ ssrc, rtpTimestamp, at });
      if (this.#deferred.length > SENT_NUMBERING.deferredMax) this.#deferred.shift();
      return { number: undefined, capturedAt: this.#capturedAt(at) };
    }
    const ticks = toUint32(rtpTimestamp - Math.round(offset));
    const last = this.#frames.at(-1);
    const ahead = last ? distance(ticks, last.ticks) : 0;
    const isNew = ahead > TIMELINE.toleranceTicks;
    if (isNew && ahead < SENT_NUMBERING.aheadMaxMs * TICKS_PER_MS) this.#add(ticks, at, true);
    const number = this.#place(ssrc, rtpTimestamp, at);
    const frame = this.#frames.findLast((each) => each.number === number);
    return frame ?? { number: undefined, capturedAt: this.#capturedAt(at) };
  }

  #place(ssrc: number, rtpTimestamp: number, at: number): number | undefined {
    const layer = this.#layers.get(ssrc) ?? new Timeline(this.#frames);
    this.#layers.set(ssrc, layer);
    return layer.encoded(rtpTimestamp, at);
  }

  /** Another clock counts from here on. */
  #begin(ssrc: number): void {
    this.#lowest = ssrc;
    this.#frames.length = 0;
    this.#forgetPlaces();
  }

  #forgetPlaces(): void {
    this.#strangers = 0;
    this.#deferred = [];
    this.#layers.clear();
    // What they have announced will not come. The layers made from here on share the list.
    const kept = this.#frames.filter(({ awaited }) => !awaited);
    this.#frames.splice(0, Infinity, ...kept);
  }

  /** A frame that another layer announced under a time that the lowest then does not bring: the places are wrong. */
  #judge(announced: boolean): void {
    const isAwaiting = this.#frames.some(({ awaited }) => awaited);
    this.#strangers = announced || !isAwaiting ? 0 : this.#strangers + 1;
    if (this.#strangers >= SENT_NUMBERING.strangersMax) this.#forgetPlaces();
  }

  #add(ticks: number, at: number, awaited: boolean): Frame {
    const number = this.#next;
    this.#next = toUint32(this.#next + 1);
    const frame = { ticks, at, number, capturedAt: this.#capturedAt(at), awaited };
    this.#frames.push(frame);
    if (this.#frames.length > TIMELINE.capturedMax) this.#frames.shift();
    return frame;
  }

  #capturedAt(at: number): number {
    return this.#wall(at) - SENT_NUMBERING.encodeMs;
  }
}
