import type { Limits } from '#config/limits.ts';

export type CrashLoopLimits = Pick<
  Limits,
  'workerShortLifeMs' | 'workerSettleMs' | 'workerLossesMax' | 'respawnMinMs' | 'respawnMaxMs'
>;

/** A timer may end a little early by the monotonic clock. */
const TIMER_EARLY_MS = 5;

/**
 * Follows the workers of one slot. A worker that ends is replaced at once, but workers that end soon
 * after their start, again and again, are replaced after growing pauses. Times are ms of a monotonic
 * clock.
 */
export class CrashLoop {
  readonly #limits: CrashLoopLimits;
  /** Starts in a row that failed or whose worker ended within `workerShortLifeMs`. */
  #losses = 0;
  #startedAt = 0;

  constructor(limits: CrashLoopLimits) {
    this.#limits = limits;
  }

  /** Whether so many were lost in a row that an operator must look at it. */
  get isAlarming(): boolean {
    return this.#losses >= this.#limits.workerLossesMax;
  }

  /** A worker has started. @returns how long it must live until its slot counts as ready, ms */
  started(now: number): number {
    this.#startedAt = now;
    if (this.#losses === 0) return 0;
    return this.#losses === 1 ? this.#limits.workerSettleMs : this.#limits.workerShortLifeMs;
  }

  /** Call when the time that `started` returned has passed. */
  settled(now: number): void {
    if (this.#livedLong(now)) this.#losses = 0;
  }

  /** The worker has ended. @returns the pause before its replacement starts, ms */
  ended(now: number): number {
    if (this.#livedLong(now)) this.#losses = 0;
    else this.#losses += 1;
    return this.#pauseMs(this.#losses - 1);
  }

  /** A start has failed. @returns the pause before the next one, ms */
  failed(): number {
    this.#losses += 1;
    return this.#pauseMs(this.#losses);
  }

  /** None at first, then `respawnMinMs`, doubled each time. */
  #pauseMs(step: number): number {
    const { respawnMinMs, respawnMaxMs } = this.#limits;
    return step < 1 ? 0 : Math.min(respawnMinMs * 2 ** (step - 1), respawnMaxMs);
  }

  #livedLong(now: number): boolean {
    return now - this.#startedAt >= this.#limits.workerShortLifeMs - TIMER_EARLY_MS;
  }
}
