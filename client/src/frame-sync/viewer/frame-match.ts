import { BoundedMap } from '#protocol/bounded-map.ts';
import {
  type FrameId,
  type MatchMethod,
  OVERLAY_MAX_TOPICS,
  type ShapesMessage,
} from '#protocol/overlay.ts';
import { FrameComparison, type FrameDistance, isEarlier } from './frame-distance.ts';
import type { ShownFrame } from './shown-frame.ts';

export const MATCH = {
  /** Waiting messages of a topic. 2 s at 30/s: more than the video can be behind the data. */
  waitingMax: 64,
  waitingMaxBytes: 128 * 1024,
  /** A message whose frame has not come by then is drawn without it: its content is still true. */
  waitingMaxMs: 2_000,
  /** Shown frames whose times are remembered, to measure how late a message is: 4 s at 30/s. */
  historyMax: 128,
} as const;

/** A message that names its frame. */
type FramedMessage = ShapesMessage & { readonly frame: FrameId };

interface Waiting {
  readonly message: FramedMessage;
  readonly arrivedAt: number;
  /** Counts the messages in the order in which they arrived. */
  readonly order: number;
  readonly bytes: number;
}

/** The last drawn message of a topic. */
interface Drawn {
  /** Undefined where this was not a frame that has been on the screen, as far as is known. */
  readonly frame: FrameId | undefined;
  /** Of the messages drawn so far, the latest one's order. */
  readonly order: number;
}

interface HistoryEntry {
  readonly frame: ShownFrame;
  readonly shownAt: number;
}

export interface MatchStats {
  /** By which the latest message that names a frame was matched. */
  readonly method: MatchMethod | undefined;
  /** Messages drawn on their exact frame. */
  readonly exact: number;
  /** Messages that arrived after their frame was gone. */
  readonly late: number;
  /** Messages dropped because too many waited, or for too long. */
  readonly dropped: number;
}

/**
 * Keeps messages until the frame they were made from is on the screen. Pure: times are ms of a clock
 * that never goes back. A message without a frame is due at once, and so is one whose frame can't be
 * compared with the shown frames. Of the due messages of a topic, the one of the latest frame is
 * drawn and stays until the next one's frame comes, so that a lost frame does not remove its boxes.
 */
export class FrameMatch {
  readonly #comparison = new FrameComparison();
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #drawn = new BoundedMap<string, Drawn>(OVERLAY_MAX_TOPICS);
  readonly #reportLateness: (ms: number) => void;
  #history: HistoryEntry[] = [];
  /** The first frame of the broadcast: a message of an earlier frame was retained, it is not late. */
  #first: ShownFrame | undefined;
  /** The first frame of the picture as it is now turned; undefined while it never changed. */
  #turnedAt: ShownFrame | undefined;
  #method: MatchMethod | undefined;
  /** Of the newest message. */
  #order = 0;
  readonly #counts = { exact: 0, late: 0, dropped: 0 };

  /** `lateness` is called with the ms by which each message came after its frame; negative where before. */
  constructor(lateness: (ms: number) => void = () => {}) {
    this.#reportLateness = lateness;
  }

  get stats(): MatchStats {
    return { method: this.#method, ...this.#counts };
  }

  /** For measurements: no method surer than this one is used; undefined removes the limit. */
  limit(method: MatchMethod | undefined): void {
    this.#comparison.limit(method);
  }

  /** A message has arrived, the newest of its topic; true where it is to be drawn now. */
  offer(message: ShapesMessage, now: number): boolean {
    const { topic } = message;
    this.#order += 1;
    const current = this.#history.at(-1)?.frame;
    if (!namesFrame(message)) {
      // Messages that wait are older than this one.
      this.#waiting.delete(topic);
      this.#drawn.delete(topic);
      return true;
    }
    if (!current) return this.#wait(message, now);
    const away = this.#comparison.distance(message.frame, current);
    if (!away) {
      this.#method = 'newest';
      this.#waiting.delete(topic);
      return this.#draw(message, this.#order, false);
    }
    this.#method = away.method;
    if (away.ahead > 0) return this.#wait(message, now);
    if (away.ahead === 0) this.#countExact(message, current);
    else this.#countLate(message);
    const own = this.#history.findLast(
      ({ frame }) => this.#comparison.distance(message.frame, frame)?.ahead === 0,
    );
    if (own) this.#reportLateness(now - own.shownAt);
    return this.#draw(message, this.#order, true);
  }

  /**
   * Another frame is on the screen; returns the messages to draw with it. With `isTurned` its picture
   * has another shape: the coordinates of earlier frames are wrong from here on.
   */
  frameShown(frame: ShownFrame, now: number, isTurned = false): ShapesMessage[] {
    this.#comparison.frameShown(frame, now);
    if (isTurned) this.#turnedAt = frame;
    this.#first ??= frame;
    this.#history.push({ frame, shownAt: now });
    if (this.#history.length > MATCH.historyMax) this.#history.shift();
    return this.#due(frame, now);
  }

  /** The frame on the screen is identified better than before; returns the messages to draw on it. */
  frameIdentified(frame: ShownFrame, now: number): ShapesMessage[] {
    const before = this.#history.pop();
    const shownAt = before?.shownAt ?? now;
    this.#history.push({ frame, shownAt });
    if (before && before.frame === this.#turnedAt) this.#turnedAt = frame;
    this.#comparison.tagSeen(frame, now);
    return this.#due(frame, now);
  }

  #due(frame: ShownFrame, now: number): ShapesMessage[] {
    const due: ShapesMessage[] = [];
    for (const [topic, waiting] of this.#waiting) {
      const compared = waiting.map((each) => ({
        ...each,
        away: this.#comparison.distance(each.message.frame, frame),
      }));
      const reached = compared.filter(({ away }) => aheadOf(away) <= 0);
      const latest = reached.reduce<(typeof reached)[number] | undefined>(
        (best, next) => (best && aheadOf(best.away) > aheadOf(next.away) ? best : next),
        undefined,
      );
      if (!latest) continue;
      this.#method = latest.away?.method ?? 'newest';
      for (const { away, arrivedAt } of reached) {
        if (away?.ahead === 0) this.#reportLateness(arrivedAt - now);
      }
      if (latest.away?.ahead === 0) this.#countExact(latest.message, frame);
      if (this.#draw(latest.message, latest.order, latest.away !== undefined)) {
        due.push(latest.message);
      }
      this.#keep(
        topic,
        compared.filter(({ away }) => aheadOf(away) > 0),
      );
    }
    return due;
  }

  /** Messages whose frame did not come in time: the newest of each topic, to be drawn without it. */
  overdue(now: number): ShapesMessage[] {
    const due: ShapesMessage[] = [];
    for (const [topic, waiting] of this.#waiting) {
      const left = waiting.filter(({ arrivedAt }) => now - arrivedAt < MATCH.waitingMaxMs);
      const over = waiting.length - left.length;
      if (over === 0) continue;
      const newest = waiting.filter((each) => !left.includes(each)).at(-1);
      if (newest && this.#draw(newest.message, newest.order, false)) due.push(newest.message);
      this.#countDropped(over - 1, now);
      this.#method = 'newest';
      this.#keep(topic, left);
    }
    return due;
  }

  /** When `overdue` next returns a message; undefined for never. */
  nextDue(): number | undefined {
    let next: number | undefined;
    for (const [oldest] of this.#waiting.values()) {
      if (oldest) next = Math.min(next ?? Infinity, oldest.arrivedAt + MATCH.waitingMaxMs);
    }
    return next;
  }

  /** A new broadcast. */
  reset(): void {
    this.#comparison.reset();
    this.#waiting.clear();
    this.#drawn.clear();
    this.#history = [];
    this.#first = undefined;
    this.#turnedAt = undefined;
    this.#method = undefined;
  }

  /**
   * False where what is drawn is newer. Of two messages whose frames have both been on the screen the
   * one of the later frame is newer, because analysis may finish out of order. Otherwise the one that
   * arrived later is: a frame that nobody has seen, named by a wrong clock, decides nothing. What was
   * made from the picture before it was turned is never drawn on the turned one.
   */
  #draw({ topic, frame }: FramedMessage, order: number, wasShown: boolean): boolean {
    if (this.#turnedAt && this.#comparison.isBefore(frame, this.#turnedAt)) return false;
    const drawn = this.#drawn.get(topic);
    if (drawn) {
      const isOlder = wasShown && drawn.frame ? isEarlier(frame, drawn.frame) : order < drawn.order;
      if (isOlder) return false;
    }
    this.#drawn.set(topic, {
      frame: wasShown ? frame : undefined,
      order: Math.max(order, drawn?.order ?? 0),
    });
    return true;
  }

  #wait(message: FramedMessage, now: number): false {
    const { topic } = message;
    const waiting = this.#waiting.get(topic) ?? [];
    // The topic with the oldest last message stays first.
    this.#waiting.delete(topic);
    this.#waiting.set(topic, waiting);
    waiting.push({
      message,
      arrivedAt: now,
      order: this.#order,
      bytes: JSON.stringify(message.shapes).length,
    });
    let bytes = waiting.reduce((sum, each) => sum + each.bytes, 0);
    while (waiting.length > MATCH.waitingMax || bytes > MATCH.waitingMaxBytes) {
      bytes -= waiting.shift()?.bytes ?? 0;
      this.#countDropped(1, now);
    }
    // By hand, not a BoundedMap: the messages of the topic that goes are counted.
    if (this.#waiting.size > OVERLAY_MAX_TOPICS) {
      const oldest = this.#waiting.entries().next();
      if (!oldest.done) {
        this.#waiting.delete(oldest.value[0]);
        this.#countDropped(oldest.value[1].length, now);
      }
    }
    return false;
  }

  /** Replaces the waiting messages of a topic, which keeps its place among the topics. */
  #keep(topic: string, waiting: Waiting[]): void {
    if (waiting.length > 0) this.#waiting.set(topic, waiting);
    else this.#waiting.delete(topic);
  }

  #countExact({ frame: frameId }: FramedMessage, shown: ShownFrame): void {
    this.#counts.exact += 1;
    this.#comparison.sameFrame(frameId, shown);
  }

  #countLate({ frame: frameId }: FramedMessage): void {
    const away = this.#first && this.#comparison.distance(frameId, this.#first);
    if (away && away.ahead >= 0) this.#counts.late += 1;
  }

  /** While no frames are shown, in a hidden tab for example, nobody misses a message. */
  #countDropped(count: number, now: number): void {
    const last = this.#history.at(-1);
    if (last && now - last.shownAt <= MATCH.waitingMaxMs) this.#counts.dropped += count;
  }
}

function namesFrame(message: ShapesMessage): message is FramedMessage {
  return message.frame !== undefined;
}

/** A message whose frame can't be compared counts as one of the shown frame. */
function aheadOf(away: FrameDistance | undefined): number {
  return away?.ahead ?? 0;
}
