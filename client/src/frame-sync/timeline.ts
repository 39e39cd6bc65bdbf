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
  /** Past so many, what is left of doubt is decided by the most usual way through the encoder. */
  votesMax: 45,
  /** Between capture and the encoder's output, ms: what is seen of cameras and encoders of pages. */
  encodeUsualMs: 15,
  /** A captured frame may be told so much later than its encoded one, ms, on a machine that is busy. */
  lateMaxMs: 60,
  /** A decision is looked at anew after so many frames: 3 s. */
  auditVotes: 90,
  /** The part of the encoded frames that a winner must explain. */
  supportMin: 0.85,
  /** A winner's differences are so much closer together than the runner-up's, or the vote goes on. */
  spreadFactor: 0.6,
  /** The same for many votes, which tell smaller differences for certain. */
  auditSpreadFactor: 0.75,
  /** Frames without a match, one after another, until the vote begins anew. */
  missesMax: 15,
} as const;

interface Captured {
  readonly ticks: number;
  /** ms of the clock that `encoded` is told by too. */
  readonly at: number;
  readonly number: number;
  /** Inferred by this timeline, and not yet told by the camera: it says nothing for or against it. */
  readonly awaited?: boolean;
}

interface Ballot {
  readonly rtpTimestamp: number;
  readonly at: number;
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
 * frames come at equal distances. Where they do, the true one is the one by which the way through the
 * encoder takes as long as it usually does. A vote is counted when what was captured by then has been
 * told for certain: the two sides come by ways of their own, and either may be held up. Votes go on
 * after a decision, so that a wrong one does not stay.
 */
export class Timeline {
  readonly #captured: readonly Captured[];
  #ballots: Ballot[] = [];
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
    this.#ballots.push({ rtpTimestamp, at });
    if (this.#ballots.length > TIMELINE.capturedMax) this.#ballots.shift();
    this.#count();
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

  #count(): void {
    const told = (this.#captured.at(-1)?.at ?? -Infinity) - TIMELINE.lateMaxMs;
    while (this.#ballots[0] && this.#ballots[0].at <= told) {
      const ballot = this.#ballots.shift();
      if (ballot) this.#vote(ballot);
    }
  }

  #vote({ rtpTimestamp, at }: Ballot): void {
    this.#voters += 1;
    let isMiss = true;
    for (const frame of this.#captured) {
      if (frame.awaited) continue;
      const delayMs = at - frame.at;
      if (delayMs < -TIMELINE.lateMaxMs || delayMs > TIMELINE.encodeMaxMs) continue;
      const offset = toUint32(rtpTimestamp - frame.ticks);
      this.#votes.push({ offset, delayMs, voter: this.#voters });
      const off = distance(offset, Math.round(this.#offset ?? offset));
      if (Math.abs(off) <= TIMELINE.toleranceTicks) isMiss = false;
    }
    this.#misses = isMiss ? this.#misses + 1 : 0;
    // A repeated frame of a still screen has no captured one; a whole row without is a new camera.
    if (this.#offset === undefined || this.#misses >= TIMELINE.missesMax) this.#decide();
    else if (this.#voters >= TIMELINE.auditVotes) this.#audit();
  }

  #decide(): void {
    if (this.#voters < TIMELINE.votesMin) return;
    // Those who have voted already count as well: they only wait to be counted.
    const isLast = this.#voters + this.#ballots.length >= TIMELINE.votesMax;
    const plausible = elect(this.#votes, this.#voters, TIMELINE.spreadFactor);
    const winner = isLast || plausible.length === 1 ? plausible[0]?.offset : undefined;
    if (winner !== undefined) {
      this.#offset = winner;
      this.#misses = 0;
      this.#endVote();
    } else if (isLast) {
      // The oldest voters may be from before a change of camera.
      const from = this.#voters - TIMELINE.votesMin;
      this.#votes = this.#votes
        .filter(({ voter }) => voter > from)
        .map((vote) => ({ ...vote, voter: vote.voter - from }));
      this.#voters = TIMELINE.votesMin;
    }
  }

  /** Many frames tell more than the few that it was decided by. */
  #audit(): void {
    const plausible = elect(this.#votes, this.#voters, TIMELINE.auditSpreadFactor);
    const stands = plausible.some(
      ({ offset }) =>
        Math.abs(distance(offset, Math.round(this.#offset ?? offset))) <=
        2 * TIMELINE.toleranceTicks,
    );
    if (!stands && plausible[0]) this.#offset = plausible[0].offset;
    this.#endVote();
  }

  #endVote(): void {
    this.#votes = [];
    this.#voters = 0;
  }
}

/** What the votes allow: none whose differences are clearly further apart; the most usual way first. */
function elect(votes: readonly Vote[], voters: number, spreadFactor: number): Candidate[] {
  const needed = Math.ceil(TIMELINE.supportMin * voters);
  const unusual = ({ delayMs }: Candidate) => Math.abs(delayMs - TIMELINE.encodeUsualMs);
  const candidates = distinct(candidatesOf(votes, needed));
  const sharpest = Math.min(...candidates.map(({ spread }) => spread));
  return candidates
    .filter(({ spread }) => spreadFactor * spread <= sharpest)
    .sort((a, b) => unusual(a) - unusual(b));
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
      delayMs: median(near.map(({ delayMs }) => delayMs)),
    });
  }
  return candidates;
}

/** A moment's hold-up of either side does not move it. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
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
