import { distance, TICKS_PER_MS, toUint32 } from '../rtp-time.ts';

export const LAYER_CLOCK = {
  /** Reference frames that are remembered: 2 s of a camera at 30/s, longer than an encoder holds any frame. */
  framesMax: 64,
  /** Longest time from capture to the encoder's output, ms: older reference frames are not considered. */
  encodeMaxMs: 500,
  /** Both clocks count whole ms, and each rounds on its own. */
  toleranceTicks: 2 * TICKS_PER_MS,
  /** Encoded frames before the vote may be decided: a third of a second. */
  votesMin: 10,
  /** After so many encoded frames, the most usual encoding time decides between the candidates left. */
  votesMax: 45,
  /** Time from capture to the encoder's output, ms, as seen with the cameras and encoders of pages. */
  encodeUsualMs: 15,
  /** On a busy machine a captured frame may be reported so much later than its encoded frame, ms. */
  lateMaxMs: 60,
  /** A decision is checked again after so many encoded frames: 3 s. */
  auditVotes: 90,
  /** Share of the encoded frames that must have voted for a candidate. */
  supportMin: 0.85,
  /**
   * A candidate is ruled out when the spread of its votes, times this, is above the smallest spread.
   * While two are left, the vote goes on.
   */
  spreadFactor: 0.6,
  /** The same for the audit, whose many votes show smaller differences with certainty. */
  auditSpreadFactor: 0.75,
  /** Encoded frames in a row without a reference frame after which the vote begins again. */
  missesMax: 15,
} as const;

/** A frame of the clock that layers are compared with: the camera's, or that of the lowest layer. */
export interface ReferenceFrame {
  readonly ticks: number;
  /** ms of the clock that times encoded frames too. */
  readonly at: number;
  readonly number: number;
  /** Known only from an encoded frame so far: it is no evidence for or against an offset. */
  readonly isExpected?: boolean;
}

interface EncodedFrame {
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
 * The RTP clock of one simulcast layer: finds which reference frame an encoded frame is. Both carry a
 * time in ticks of 1/90 ms. The offset between the two clocks is constant, and nothing reports it.
 *
 * Each encoded frame votes for its offsets to the frames captured shortly before. The true offset
 * gets every vote; a false one gets as many only where frames come at equal distances. Between equals,
 * the true offset is the one with the most usual encoding time. An encoded frame votes only when all
 * frames captured by then have certainly been reported: the two sides report independently, and
 * either may be delayed. Voting goes on after a decision, so that a wrong one is corrected.
 */
export class LayerClock {
  readonly #frames: readonly ReferenceFrame[];
  /** Encoded frames that have not voted yet. */
  #waiting: EncodedFrame[] = [];
  #votes: Vote[] = [];
  #voters = 0;
  #offset: number | undefined;
  #misses = 0;

  /** `frames` is shared by the clocks of all layers; new frames are added at its end. */
  constructor(frames: readonly ReferenceFrame[]) {
    this.#frames = frames;
  }

  /** RTP ticks minus reference ticks; undefined while not decided. */
  get offset(): number | undefined {
    return this.#offset;
  }

  /** The number of the reference frame that this encoded frame is; undefined while not known. */
  numberOf(rtpTimestamp: number, at: number): number | undefined {
    this.#waiting.push({ rtpTimestamp, at });
    if (this.#waiting.length > LAYER_CLOCK.framesMax) this.#waiting.shift();
    this.#countVotes();
    return this.#find(rtpTimestamp);
  }

  #find(rtpTimestamp: number): number | undefined {
    if (this.#offset === undefined) return undefined;
    const ticks = toUint32(rtpTimestamp - Math.round(this.#offset));
    let nearest: ReferenceFrame | undefined;
    let error: number = LAYER_CLOCK.toleranceTicks;
    for (const frame of this.#frames) {
      const away = Math.abs(distance(ticks, frame.ticks));
      if (away < error) [nearest, error] = [frame, away];
    }
    if (!nearest) return undefined;
    // The clocks drift apart by some parts in a million.
    this.#offset = toUint32(this.#offset + 0.05 * distance(ticks, nearest.ticks));
    return nearest.number;
  }

  #countVotes(): void {
    const reportedUntil = (this.#frames.at(-1)?.at ?? -Infinity) - LAYER_CLOCK.lateMaxMs;
    while (this.#waiting[0] && this.#waiting[0].at <= reportedUntil) {
      const encoded = this.#waiting.shift();
      if (encoded) this.#vote(encoded);
    }
  }

  #vote({ rtpTimestamp, at }: EncodedFrame): void {
    this.#voters += 1;
    let isMiss = true;
    for (const frame of this.#frames) {
      if (frame.isExpected) continue;
      const delayMs = at - frame.at;
      if (delayMs < -LAYER_CLOCK.lateMaxMs || delayMs > LAYER_CLOCK.encodeMaxMs) continue;
      const offset = toUint32(rtpTimestamp - frame.ticks);
      this.#votes.push({ offset, delayMs, voter: this.#voters });
      const error = distance(offset, Math.round(this.#offset ?? offset));
      if (Math.abs(error) <= LAYER_CLOCK.toleranceTicks) isMiss = false;
    }
    this.#misses = isMiss ? this.#misses + 1 : 0;
    // A repeated frame of a still screen was never captured; many misses in a row mean a new camera.
    const isLost = this.#misses >= LAYER_CLOCK.missesMax;
    if (this.#offset === undefined || isLost) this.#decide();
    else if (this.#voters >= LAYER_CLOCK.auditVotes) this.#audit();
  }

  #decide(): void {
    if (this.#voters < LAYER_CLOCK.votesMin) return;
    // Encoded frames that wait to vote are counted too, so that the decision is not delayed by them.
    const isLast = this.#voters + this.#waiting.length >= LAYER_CLOCK.votesMax;
    const plausible = elect(this.#votes, this.#voters, LAYER_CLOCK.spreadFactor);
    const winner = isLast || plausible.length === 1 ? plausible[0]?.offset : undefined;
    if (winner !== undefined) {
      this.#offset = winner;
      this.#misses = 0;
      this.#endVote();
    } else if (isLast) {
      // The oldest voters may be from before a change of camera.
      const from = this.#voters - LAYER_CLOCK.votesMin;
      this.#votes = this.#votes
        .filter(({ voter }) => voter > from)
        .map((vote) => ({ ...vote, voter: vote.voter - from }));
      this.#voters = LAYER_CLOCK.votesMin;
    }
  }

  /** Many frames are better evidence than the few that the decision was made with. */
  #audit(): void {
    const plausible = elect(this.#votes, this.#voters, LAYER_CLOCK.auditSpreadFactor);
    const isConfirmed = plausible.some(
      ({ offset }) =>
        Math.abs(distance(offset, Math.round(this.#offset ?? offset))) <=
        2 * LAYER_CLOCK.toleranceTicks,
    );
    if (!isConfirmed && plausible[0]) this.#offset = plausible[0].offset;
    this.#endVote();
  }

  #endVote(): void {
    this.#votes = [];
    this.#voters = 0;
  }
}

/** The candidates that are not ruled out by a much wider spread; the most usual encoding time first. */
function elect(votes: readonly Vote[], voters: number, spreadFactor: number): Candidate[] {
  const needed = Math.ceil(LAYER_CLOCK.supportMin * voters);
  const unusual = ({ delayMs }: Candidate) => Math.abs(delayMs - LAYER_CLOCK.encodeUsualMs);
  const candidates = distinct(candidatesOf(votes, needed));
  const smallest = Math.min(...candidates.map(({ spread }) => spread));
  return candidates
    .filter(({ spread }) => spreadFactor * spread <= smallest)
    .sort((a, b) => unusual(a) - unusual(b));
}

/** One candidate for each vote that enough others agree with, within the tolerance. */
function candidatesOf(votes: readonly Vote[], needed: number): Candidate[] {
  const sorted = votes.toSorted((a, b) => a.offset - b.offset);
  const candidates: Candidate[] = [];
  for (let from = 0; from < sorted.length; from += 1) {
    const base = sorted[from]?.offset ?? 0;
    const near: Vote[] = [];
    // Offsets wrap to 0 after 2^32 - 1, so the last ones are next to the first ones.
    for (let i = 0; i < sorted.length; i += 1) {
      const vote = sorted[(from + i) % sorted.length];
      if (!vote || toUint32(vote.offset - base) > LAYER_CLOCK.toleranceTicks) break;
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
      // Rounding alone spreads votes by a quarter of a millisecond.
      spread: Math.max(spread, TICKS_PER_MS / 4),
      delayMs: median(near.map(({ delayMs }) => delayMs)),
    });
  }
  return candidates;
}

/** Unlike the mean, the median does not move when either side is delayed for a moment. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Neighbouring votes make nearly the same candidate: of each group the one with most support stays. */
function distinct(candidates: readonly Candidate[]): Candidate[] {
  const kept: Candidate[] = [];
  for (const candidate of candidates.toSorted(
    (a, b) => b.voters - a.voters || a.spread - b.spread,
  )) {
    const isTwin = kept.some(
      ({ offset }) => Math.abs(distance(offset, candidate.offset)) <= LAYER_CLOCK.toleranceTicks,
    );
    if (!isTwin) kept.push(candidate);
  }
  return kept;
}
