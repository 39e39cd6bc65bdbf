/**
 * Counters by address. An IPv4 address counts alone. An IPv6 address counts in its /64, its /56 and
 * its /48 at once: whoever rents a /56 or a /48 has all networks inside it.
 */
import { BoundedMap } from '#protocol/bounded-map.ts';

/** How many times the limit of one address a network may use. */
const SHARE_OF_PREFIX = { 64: 1, 56: 2, 48: 4 } as const;
/** Rates remembered at a time; the oldest is forgotten first. One takes about 100 bytes. */
const RATES_MAX = 65_536;

interface Tier {
  readonly key: string;
  readonly share: number;
}

/** @param address in the form of `addressKey`: IPv4, or the /64 of an IPv6 address */
export function tiersOf(address: string): readonly Tier[] {
  if (!address.endsWith('::/64')) return [{ key: address, share: 1 }];
  const groups = address.slice(0, -'::/64'.length).split(':');
  const site = groups.slice(0, 3).join(':');
  const subnet = (Number.parseInt(groups[3] ?? '0', 16) & 0xff00).toString(16);
  return [
    { key: address, share: SHARE_OF_PREFIX[64] },
    { key: `${site}:${subnet}::/56`, share: SHARE_OF_PREFIX[56] },
    { key: `${site}::/48`, share: SHARE_OF_PREFIX[48] },
  ];
}

/** How many of one kind of thing each address holds now. */
export class AddressCount {
  readonly #max: number;
  readonly #held = new Map<string, number>();

  /** @param max for one address */
  constructor(max: number) {
    this.#max = max;
  }

  /** Returns the function that releases it, whose further calls have no effect; undefined: too many. */
  hold(address: string): (() => void) | undefined {
    const tiers = tiersOf(address);
    if (tiers.some(({ key, share }) => this.#of(key) >= this.#max * share)) return undefined;
    for (const { key } of tiers) this.#held.set(key, this.#of(key) + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      for (const { key } of tiers) {
        const left = this.#of(key) - 1;
        if (left > 0) this.#held.set(key, left);
        else this.#held.delete(key);
      }
    };
  }

  #of(key: string): number {
    return this.#held.get(key) ?? 0;
  }
}

/** A token bucket for each address. Times are ms of a monotonic clock. */
export class AddressRate {
  readonly #burst: number;
  readonly #perS: number;
  readonly #buckets = new BoundedMap<string, { tokens: number; at: number }>(RATES_MAX);

  /** @param rate of one address */
  constructor({ burst, perS }: { readonly burst: number; readonly perS: number }) {
    this.#burst = burst;
    this.#perS = perS;
  }

  /** Consumes one. Returns false, and consumes nothing, if the address has used up its rate. */
  tryConsume(address: string, now = performance.now()): boolean {
    if (!this.has(address, now)) return false;
    this.charge(address, 1, now);
    return true;
  }

  /** Whether the address has at least one left. */
  has(address: string, now = performance.now()): boolean {
    return tiersOf(address).every(({ key, share }) => this.#left(key, share, now) >= 1);
  }

  /** Consumes `count`, also more than is left: the address then waits until that is paid off. */
  charge(address: string, count: number, now = performance.now()): void {
    for (const { key, share } of tiersOf(address)) {
      this.#buckets.set(key, { tokens: this.#left(key, share, now) - count, at: now });
    }
  }

  /** Consumes one and returns the ms until it was available: 0 if the address had one left. */
  queue(address: string, now = performance.now()): number {
    this.charge(address, 1, now);
    const waits = tiersOf(address).map(({ key, share }) => {
      return (-this.#left(key, share, now) / (this.#perS * share)) * 1_000;
    });
    return Math.max(0, ...waits);
  }

  #left(key: string, share: number, now: number): number {
    const full = this.#burst * share;
    const bucket = this.#buckets.get(key);
    if (!bucket) return full;
    return Math.min(full, bucket.tokens + ((now - bucket.at) / 1_000) * this.#perS * share);
  }
}

/** At most so many within a fixed window, for each address. Times are ms of a monotonic clock. */
export class AddressWindow {
  readonly #max: number;
  readonly #windowMs: number;
  readonly #windows = new BoundedMap<string, { count: number; readonly since: number }>(RATES_MAX);

  /** @param max for one address within `windowMs` of its first one */
  constructor(max: number, windowMs: number) {
    this.#max = max;
    this.#windowMs = windowMs;
  }

  /** Counts one. Returns false, and counts nothing, if the address has had too many. */
  tryConsume(address: string, now = performance.now()): boolean {
    if (!this.has(address, now)) return false;
    for (const { key } of tiersOf(address)) {
      const window = this.#current(key, now);
      if (window) window.count += 1;
      else this.#windows.set(key, { count: 1, since: now });
    }
    return true;
  }

  /** Whether the address may have at least one more now. */
  has(address: string, now = performance.now()): boolean {
    return tiersOf(address).every(
      ({ key, share }) => (this.#current(key, now)?.count ?? 0) < this.#max * share,
    );
  }

  #current(key: string, now: number) {
    const window = this.#windows.get(key);
    return window && now - window.since < this.#windowMs ? window : undefined;
  }
}
