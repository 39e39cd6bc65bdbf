/** The rate that a TokenBucket allows. */
export interface Rate {
  /** Maximum at once. */
  readonly burst: number;
  /** Average per second. */
  readonly perS: number;
}

/** A rate limiter: allows a burst, and then an average rate. Times are ms of any monotonic clock. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** Consumes `count` tokens. @returns false, and consumes nothing, when fewer are left */
  tryConsume(now: number, count = 1): boolean {
    const { burst, perS } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1_000) * perS);
    this.#at = now;
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** ms from the last `tryConsume` until `count` tokens are available. */
  waitMs(count: number): number {
    return Math.max(0, Math.ceil(((count - this.#tokens) / this.#rate.perS) * 1_000));
  }
}
