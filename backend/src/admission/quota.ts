import { OnecastError } from '#protocol/errors.ts';

export interface QuotaLimits {
  readonly max: number;
  readonly perAddressMax: number;
}

/** How many of one thing there may be, in all and of one address. */
export class Quota {
  readonly #limits: QuotaLimits;
  readonly #held = new Map<string, number>();
  #all = 0;

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  /** Takes one for `address`; what is returned gives it back, once. @throws OnecastError `too-many` */
  take(address: string): () => void {
    const held = this.#held.get(address) ?? 0;
    if (this.#all >= this.#limits.max || held >= this.#limits.perAddressMax) {
      throw new OnecastError('too-many');
    }
    this.#held.set(address, held + 1);
    this.#all += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#all -= 1;
      const left = (this.#held.get(address) ?? 1) - 1;
      if (left > 0) this.#held.set(address, left);
      else this.#held.delete(address);
    };
  }
}
