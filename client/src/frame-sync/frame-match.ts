import {
  type FrameId,
  MATCH_METHODS,
  type MatchMethod,
  OVERLAY_MAX_TOPICS,
  type ShapesMessage,
} from '#protocol/overlay.ts';
import type { FrameTag } from './tag.ts';
import { TICKS_PER_MS } from './timeline.ts';
import { distance } from './uint32.ts';

/** A frame that is on the screen. */
export interface ShownFrame {
  readonly rtpTimestamp: number | undefined;
  readonly tag: FrameTag | undefined;
  /** When it was captured by the publisher's clock, where only a guess is to be had. */
  readonly guessedAt: number | undefined;
}

export const MATCH = {
  /** 2 s at 30/s: more than the picture can be behind the data. */
  pendingMax: 64,
  pendingMaxBytes: 128 * 1024,
  /** A message whose frame has not come by then is drawn without it: what it says still holds. */
  pendingMaxMs: 2_000,
  /** Frames without a tag are an exception for so long, then the rule. */
  tagPatienceMs: 1_000,
  /** So far ahead of the picture no frame is on its way: 10 s at 60/s. */
  aheadMaxFrames: 600,
  aheadMaxMs: 10_000,
  /** Both sides round to whole ms. */
  rtpToleranceTicks: 2 * TICKS_PER_MS,
  /** Half of a frame at 30/s: the nearest one is meant. */
  timeToleranceMs: 17,
  /** Frames whose time on the screen is remembered, to say how late a message is: 4 s at 30/s. */
  historyMax: 128,
} as const;

interface Pending {
  readonly message: ShapesMessage;
  readonly arrivedAt: number;
  readonly bytes: number;
}

interface Past {
  readonly frame: ShownFrame;
  readonly at: number;
}

/** Where a message belongs, seen from a frame: 0 on it, negative before, positive after. */
interface FrameDistance {
  readonly method: Exclude<MatchMethod, 'newest'>;
  readonly order: number;
}

export interface MatchStats {
  /** By which the latest message that names a frame was matched. */
  readonly method: MatchMethod | undefined;
  /** Messages drawn on their very frame. */
  readonly exact: number;
  /** Came when their frame had gone. */
  readonly late: number;
  /** Forgotten because too much was waiting or for too long. */
  readonly dropped: number;
}

/**
 * Holds messages back until the frame they were made from is on the screen. Pure: times are ms of a
 * clock that never goes back. A message without a frame, or whose frame can't be told from what this
 * browser knows, is due at once. Of those that are due the one of the latest frame is drawn and stays
 * until the next one's frame comes, so that a box does not go when one frame is lost.
 */
export class FrameMatch {
  readonly #pending = new Map<string, Pending[]>();
  /** The frame of what was last drawn of each topic. */
  readonly #drawn = new Map<string, FrameId>();
  readonly #lateness: (ms: number) => void;
  #past: Past[] = [];
  /** The first frame since the beginning: what was made from an older one is not late but retained. */
  #first: ShownFrame | undefined;
  #allowed: ReadonlySet<MatchMethod> = new Set(MATCH_METHODS);
  #method: MatchMethod | undefined;
  #taggedAt = -Infinity;
  #expectsTags = false;
  /** This viewer's RTP timestamps less the publisher's, by the last frame that tag and message both named. */
  #rtpShift: number | undefined;
  #exact = 0;
  #late = 0;
  #dropped = 0;

  /** `lateness` is told how long after its frame each message came, negative where before. */
  constructor(lateness: (ms: number) => void = () => {}) {
    this.#lateness = lateness;
  }

  get figures(): MatchStats {
    return {
      method: this.#method,
      exact: this.#exact,
      late: this.#late,
      dropped: this.#dropped,
    };
  }

  /** For measurements: no surer method than this one is used; undefined takes the limit off. */
  limit(method: MatchMethod | undefined): void {
    const from = method === undefined ? 0 : MATCH_METHODS.indexOf(method);
    this.#allowed = new Set(MATCH_METHODS.slice(from));
  }

  /** Takes a message, newest of its topic; true where it is to be drawn now. */
  offer(message: ShapesMessage, now: number): boolean {
    const { topic } = message;
    const current = this.#past.at(-1)?.frame;
    if (!message.frame) {
      // What waits was said before this.
      this.#pending.delete(topic);
      this.#drawn.delete(topic);
      return true;
    }
    if (!current) return this.#keep(message, now);
    const place = this.#place(message, current);
    if (!place) {
      this.#method = 'newest';
      this.#pending.delete(topic);
      return this.#draw(message);
    }
    this.#method = place.method;
    if (place.order > 0) return this.#keep(message, now);
    if (place.order === 0) this.#wasExact(message, current);
    else this.#tooLate(message);
    this.#reportLateness(message, now);
    return this.#draw(message);
  }

  /** A frame has come to the screen; returns the messages to be drawn with it. */
  shown(frame: ShownFrame, now: number): ShapesMessage[] {
    if (frame.tag?.number !== undefined) this.#taggedAt = now;
    this.#expectsTags = now - this.#taggedAt < MATCH.tagPatienceMs;
    this.#first ??= frame;
    this.#past.push({ frame, at: now });
    if (this.#past.length > MATCH.historyMax) this.#past.shift();
    return this.#due(frame, now);
  }

  /** More is known of the frame that is on the screen; returns the messages to be drawn on it. */
  told(frame: ShownFrame, now: number): ShapesMessage[] {
    const shownAt = this.#past.pop()?.at ?? now;
    this.#past.push({ frame, at: shownAt });
    if (frame.tag?.number !== undefined) this.#taggedAt = now;
    return this.#due(frame, now);
  }

  #due(frame: ShownFrame, now: number): ShapesMessage[] {
    const due: ShapesMessage[] = [];
    for (const [topic, waiting] of this.#pending) {
      const reached = waiting.map((pending) => ({
        ...pending,
        place: this.#place(pending.message, frame),
      }));
      const gone = reached.filter(({ place }) => !place || place.order <= 0);
      const latest = gone.reduce<(typeof gone)[number] | undefined>(
        (best, next) => (best && order(best) > order(next) ? best : next),
        undefined,
      );
      if (!latest) continue;
      this.#method = latest.place?.method ?? 'newest';
      for (const { place, arrivedAt } of gone) {
        if (place?.order !== 0) continue;
        this.#lateness(arrivedAt - now);
      }
      if (latest.place?.order === 0) this.#wasExact(latest.message, frame);
      if (this.#draw(latest.message)) due.push(latest.message);
      const left = reached.filter(({ place }) => place && place.order > 0);
      if (left.length > 0) this.#pending.set(topic, left);
      else this.#pending.delete(topic);
    }
    return due;
  }

  /** Messages whose frame did not come in time: the newest of each topic, to be drawn without it. */
  overdue(now: number): ShapesMessage[] {
    const due: ShapesMessage[] = [];
    for (const [topic, waiting] of this.#pending) {
      const left = waiting.filter(({ arrivedAt }) => now - arrivedAt < MATCH.pendingMaxMs);
      const over = waiting.length - left.length;
      if (over === 0) continue;
      const newest = waiting.filter((pending) => !left.includes(pending)).at(-1);
      if (newest && this.#draw(newest.message)) due.push(newest.message);
      this.#drop(over - 1, now);
      this.#method = 'newest';
      if (left.length > 0) this.#pending.set(topic, left);
      else this.#pending.delete(topic);
    }
    return due;
  }

  /** When `overdue` will have something; undefined for never. */
  nextDue(): number | undefined {
    let next: number | undefined;
    for (const [oldest] of this.#pending.values()) {
      if (oldest) next = Math.min(next ?? Infinity, oldest.arrivedAt + MATCH.pendingMaxMs);
    }
    return next;
  }

  /** A new broadcast. */
  reset(): void {
    this.#pending.clear();
    this.#drawn.clear();
    this.#past = [];
    this.#first = undefined;
    this.#taggedAt = -Infinity;
    this.#expectsTags = false;
    this.#rtpShift = undefined;
    this.#method = undefined;
  }

  #wasExact({ frame: named }: ShapesMessage, shown: ShownFrame): void {
    this.#exact += 1;
    const { rtpTimestamp, tag } = shown;
    if (tag?.number === undefined || tag.number !== named?.number) return;
    if (rtpTimestamp === undefined || named.rtpTimestamp === undefined) return;
    this.#rtpShift = distance(rtpTimestamp, named.rtpTimestamp);
  }

  /** False where what stands there is of a later frame: analysis may finish out of order. */
  #draw({ topic, frame }: ShapesMessage): boolean {
    const before = this.#drawn.get(topic);
    if (frame && before && isBefore(frame, before)) return false;
    this.#drawn.delete(topic);
    if (frame) this.#drawn.set(topic, frame);
    if (this.#drawn.size > OVERLAY_MAX_TOPICS) {
      const oldest = this.#drawn.keys().next();
      if (!oldest.done) this.#drawn.delete(oldest.value);
    }
    return true;
  }

  #keep(message: ShapesMessage, now: number): false {
    const { topic } = message;
    const waiting = this.#pending.get(topic) ?? [];
    // Least recently heard topic first.
    this.#pending.delete(topic);
    this.#pending.set(topic, waiting);
    waiting.push({ message, arrivedAt: now, bytes: JSON.stringify(message.shapes).length });
    let bytes = waiting.reduce((sum, pending) => sum + pending.bytes, 0);
    while (waiting.length > MATCH.pendingMax || bytes > MATCH.pendingMaxBytes) {
      bytes -= waiting.shift()?.bytes ?? 0;
      this.#drop(1, now);
    }
    if (this.#pending.size > OVERLAY_MAX_TOPICS) {
      const oldest = this.#pending.entries().next();
      if (!oldest.done) {
        this.#pending.delete(oldest.value[0]);
        this.#drop(oldest.value[1].length, now);
      }
    }
    return false;
  }

  /** Where no picture is shown, in a hidden tab say, nothing is missed. */
  #drop(count: number, now: number): void {
    const last = this.#past.at(-1);
    if (last && now - last.at <= MATCH.pendingMaxMs) this.#dropped += count;
  }

  #tooLate(message: ShapesMessage): void {
    const place = this.#first && this.#place(message, this.#first);
    if (place && place.order >= 0) this.#late += 1;
  }

  #reportLateness(message: ShapesMessage, now: number): void {
    const own = this.#past.findLast(({ frame }) => this.#place(message, frame)?.order === 0);
    if (own) this.#lateness(now - own.at);
  }

  #place({ frame: named }: ShapesMessage, shown: ShownFrame): FrameDistance | undefined {
    if (!named) return undefined;
    const { tag } = shown;
    if (this.#allowed.has('tag') && named.number !== undefined) {
      if (tag?.number !== undefined) {
        return within('tag', distance(named.number, tag.number), 0, MATCH.aheadMaxFrames);
      }
      // One frame without a tag among others that have one: a busy page hears of the frame first.
      if (this.#expectsTags) return this.#placeByNeighbours(named, shown);
    }
    const { rtpTimestamp } = named;
    if (
      this.#allowed.has('rtp') &&
      rtpTimestamp !== undefined &&
      shown.rtpTimestamp !== undefined
    ) {
      const ahead = distance(rtpTimestamp, shown.rtpTimestamp);
      const most = MATCH.aheadMaxMs * TICKS_PER_MS;
      // Far off in either direction it is another timeline, and says nothing.
      if (Math.abs(ahead) <= most) return within('rtp', ahead, MATCH.rtpToleranceTicks, most);
    }
    const at = tag?.capturedAt ?? shown.guessedAt;
    if (this.#allowed.has('time') && named.capturedAt !== undefined && at !== undefined) {
      return within('time', named.capturedAt - at, MATCH.timeToleranceMs, MATCH.aheadMaxMs);
    }
    return undefined;
  }

  /** By the frames before, whose tags and messages told how the two ends' RTP timestamps differ. */
  #placeByNeighbours({ rtpTimestamp }: FrameId, shown: ShownFrame): FrameDistance {
    const shift = this.#rtpShift;
    if (shift === undefined || rtpTimestamp === undefined || shown.rtpTimestamp === undefined) {
      return MATCHES_TO_REPORT;
    }
    const ahead = distance(rtpTimestamp + shift, shown.rtpTimestamp);
    const most = MATCH.aheadMaxMs * TICKS_PER_MS;
    return within('tag', ahead, MATCH.rtpToleranceTicks, most) ?? MATCHES_TO_REPORT;
  }
}

/** Where it can't be told, the tag that is still to come will. */
const MATCHES_TO_REPORT: FrameDistance = { method: 'tag', order: Infinity };

function within(
  method: FrameDistance['method'],
  ahead: number,
  tolerance: number,
  most: number,
): FrameDistance | undefined {
  if (ahead > most) return undefined;
  return { method, order: Math.abs(ahead) <= tolerance ? 0 : ahead };
}

function order({ place }: { readonly place: FrameDistance | undefined }): number {
  // Without a place it is the newest there is.
  return place?.order ?? 0;
}

function isBefore(a: FrameId, b: FrameId): boolean {
  if (a.number !== undefined && b.number !== undefined) return distance(a.number, b.number) < 0;
  if (a.capturedAt !== undefined && b.capturedAt !== undefined) return a.capturedAt < b.capturedAt;
  return false;
}
