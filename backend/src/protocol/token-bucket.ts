export interface Rate {
  /** So many at once. */
  readonly burst: number;
  /** So many a second in the long run. */
  readonly perS: number;
}

/** Lets through a burst, and then so many a second. Times are ms of any clock that only rises. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** False where there is none left; that costs nothing. */
  take(now: number): boolean {
    const { burst, perS } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1_000) * perS);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
