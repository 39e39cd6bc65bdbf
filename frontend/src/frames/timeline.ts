import { distance, toUint32 } from './uint32.ts';

/** RTP ticks in a millisecond of video. */
export const TICKS_PER_MS = 90;

export const TIMELINE = {
  /** Captured frames remembered: 2 s of a camera at 30/s, more than an encoder ever holds back. */
  capturedMax: 64,
  /** Between capture and the encoder's output, ms; more and the frame is not believed to be this one. */
  encodeMaxMs: 500,
  /** Both sides count in ms and round by themselves. */
  toleranceTicks: 2 * TICKS_PER_MS,
  /** Encoded frames until a vote may be decided: a third of a second. */
  votesMin: 10,
  /** Past so many, what is left of doubt is decided by the shortest way through the encoder. */
  votesMax: 45,
  /** The part of the encoded frames that a winner must explain. */
  supportMin: 0.85,
  /** A winner's differences are so much closer together than the runner-up's, or the vote goes on. */
  spreadFactor: 0.6,
  /** Frames without a match, one after another, until the vote begins anew. */
  missesMax: 15,
} as const;

interface Captured {
  readonly ticks: number;
  /** ms of the clock that `encoded` is told by too. */
  readonly at: number;
  readonly number: number;
}

interface Vote {
  readonly offset: number;
  readonly delayMs: number;
  readonly voter: number;
}

interface Candidate {
  readonly offset: number;
  readonly voters: number;
  readonly spread: number;
  readonly delayMs: number;
}

/**
 * Finds which captured frame an encoded frame is. Both carry a time in ticks of 1/90 ms, by clocks
 * whose difference is constant and told by nobody. Each encoded frame votes for the differences to
 * the frames captured shortly before; the true one gets every vote, a false one only as far as the
 * frames come at equal distances. Where they do, the true one is the one by which no frame left the
 * encoder before it was captured and the way through the encoder is shortest.
 */
export class Timeline {
  readonly #captured: readonly Captured[];
  #votes: Vote[] = [];
  #voters = 0;
  #offset: number | undefined;
  #misses = 0;

  /** `captured` is shared by the timelines of all layers and grows at its end. */
  constructor(captured: readonly Captured[]) {
    this.#captured = captured;
  }

  /** RTP ticks less capture ticks, once known. */
  get offset(): number | undefined {
    return this.#offset;
  }

  /** The number of the captured frame that this encoded frame is; undefined while that is not known. */
  encoded(rtpTimestamp: number, at: number): number | undefined {
    const found = this.#find(rtpTimestamp);
    if (found !== undefined) {
      this.#misses = 0;
      if (this.#votes.length > 0) this.#endVote();
      return found;
    }
    this.#misses += 1;
    // A repeated frame of a still screen has no captured one; a whole row without is a new camera.
    if (this.#offset !== undefined && this.#misses < TIMELINE.missesMax) return undefined;
    this.#vote(rtpTimestamp, at);
    return this.#find(rtpTimestamp);
  }

  #find(rtpTimestamp: number): number | undefined {
    if (this.#offset === undefined) return undefined;
    const ticks = toUint32(rtpTimestamp - Math.round(this.#offset));
    let nearest: Captured | undefined;
    let off: number = TIMELINE.toleranceTicks;
    for (const frame of this.#captured) {
      const far = Math.abs(distance(ticks, frame.ticks));
      if (far < off) [nearest, off] = [frame, far];
    }
    if (!nearest) return undefined;
    // The clocks drift apart by some parts in a million.
    this.#offset = toUint32(this.#offset + 0.05 * distance(ticks, nearest.ticks));
    return nearest.number;
  }

  #vote(rtpTimestamp: number, at: number): void {
    this.#voters += 1;
    for (const frame of this.#captured) {
      const delayMs = at - frame.at;
      if (delayMs < -TIMELINE_EARLY_MS || delayMs > TIMELINE.encodeMaxMs) continue;
      this.#votes.push({
        offset: toUint32(rtpTimestamp - frame.ticks),
        delayMs,
        voter: this.#voters,
      });
    }
    if (this.#voters < TIMELINE.votesMin) return;
    const winner = elect(this.#votes, this.#voters);
    if (winner !== undefined) {
      this.#offset = winner;
      this.#misses = 0;
      this.#endVote();
    } else if (this.#voters >= TIMELINE.votesMax) {
      // The oldest voters may be from before a change of camera.
      const from = this.#voters - TIMELINE.votesMin;
      this.#votes = this.#votes
        .filter(({ voter }) => voter > from)
        .map((vote) => ({ ...vote, voter: vote.voter - from }));
      this.#voters = TIMELINE.votesMin;
    }
  }

  #endVote(): void {
    this.#votes = [];
    this.#voters = 0;
  }
}

/** Messages of the two sides may overtake each other by a little. */
const TIMELINE_EARLY_MS = 4;

function elect(votes: readonly Vote[], voters: number): number | undefined {
  const needed = Math.ceil(TIMELINE.supportMin * voters);
  const candidates = distinct(candidatesOf(votes, needed)).sort((a, b) => a.delayMs - b.delayMs);
  const [first, ...others] = candidates;
  if (!first) return undefined;
  const rivals = others.filter(({ voters: support }) => support >= needed);
  if (rivals.length === 0) return first.offset;
  const sharpest = candidates.reduce((a, b) => (b.spread < a.spread ? b : a));
  const clear = candidates.every(
    (other) => other === sharpest || sharpest.spread < TIMELINE.spreadFactor * other.spread,
  );
  if (clear) return sharpest.offset;
  return voters >= TIMELINE.votesMax ? first.offset : undefined;
}

/** One candidate for each vote that enough others agree with, within the tolerance. */
function candidatesOf(votes: readonly Vote[], needed: number): Candidate[] {
  const sorted = votes.toSorted((a, b) => a.offset - b.offset);
  const candidates: Candidate[] = [];
  for (let from = 0; from < sorted.length; from += 1) {
    const base = sorted[from]?.offset ?? 0;
    const near: Vote[] = [];
    // Around the end of the 32 bits it goes on at the front.
    for (let i = 0; i < sorted.length; i += 1) {
      const vote = sorted[(from + i) % sorted.length];
      if (!vote || toUint32(vote.offset - base) > TIMELINE.toleranceTicks) break;
      near.push(vote);
    }
    const support = new Set(near.map(({ voter }) => voter)).size;
    if (support < needed) continue;
    const mean = near.reduce((sum, { offset }) => sum + toUint32(offset - base), 0) / near.length;
    const spread = Math.sqrt(
      near.reduce((sum, { offset }) => sum + (toUint32(offset - base) - mean) ** 2, 0) /
        near.length,
    );
    candidates.push({
      offset: toUint32(base + mean),
      voters: support,
      // Rounding alone makes a quarter of a millisecond.
      spread: Math.max(spread, TICKS_PER_MS / 4),
      delayMs: near.reduce((sum, { delayMs }) => sum + delayMs, 0) / near.length,
    });
  }
  return candidates;
}

/** Neighbouring votes make nearly the same candidate: of each heap the one with most support stays. */
function distinct(candidates: readonly Candidate[]): Candidate[] {
  const kept: Candidate[] = [];
  for (const candidate of candidates.toSorted(
    (a, b) => b.voters - a.voters || a.spread - b.spread,
  )) {
    const twin = kept.some(
      ({ offset }) => Math.abs(distance(offset, candidate.offset)) <= TIMELINE.toleranceTicks,
    );
    if (!twin) kept.push(candidate);
  }
  return kept;
}
