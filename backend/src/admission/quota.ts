import { OnecastError } from '#protocol/errors.ts';

export interface QuotaLimits {
  readonly max: number;
  readonly perAddressMax: number;
}

/** Bounds how many of one kind of thing exist, in total and per address. */
export class Quota {
  readonly #limits: QuotaLimits;
  readonly #perAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  /**
   * Reserves one for `address` and returns the function that releases it. Calling that again has no
   * effect.
   * @throws OnecastError `too-many`
   */
  reserve(address: string): () => void {
    const reserved = this.#perAddress.get(address) ?? 0;
    if (this.#total >= this.#limits.max || reserved >= this.#limits.perAddressMax) {
      throw new OnecastError('too-many');
    }
    this.#perAddress.set(address, reserved + 1);
    this.#total += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#total -= 1;
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    };
  }
}
