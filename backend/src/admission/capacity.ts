/** How many rooms and sessions there may be, in total and for each address. */
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import { AddressCount, tiersOf } from './address-tiers.ts';

/** The part of `max` that anyone may use; the rest is for rooms that have been live. */
function openShare(max: number, { liveReserveShare }: Pick<Limits, 'liveReserveShare'>): number {
  return Math.ceil(max * (1 - liveReserveShare));
}

export class SessionCapacity {
  readonly #perAddress: AddressCount;
  readonly #max: number;
  readonly #openMax: number;
  #total = 0;

  constructor(
    limits: Pick<
      Limits,
      'sessionsMax' | 'socketsPerAddressMax' | 'sessionsPerSocketMax' | 'liveReserveShare'
    >,
  ) {
    this.#perAddress = new AddressCount(limits.socketsPerAddressMax * limits.sessionsPerSocketMax);
    this.#max = limits.sessionsMax;
    this.#openMax = openShare(limits.sessionsMax, limits);
  }

  /**
   * Reserves one and returns the function that releases it. Further calls of that have no effect.
   * @param privileged for a publisher, of which a room has one, and for a room that has been live
   * @throws OnecastError `too-many`
   */
  reserve(address: string, privileged: boolean): () => void {
    const full = this.#total >= (privileged ? this.#max : this.#openMax);
    const release = full ? undefined : this.#perAddress.hold(address);
    if (!release) throw new OnecastError('too-many');
    this.#total += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#total -= 1;
      release();
    };
  }
}

/**
 * `waiting`: only viewers have entered. `claimed`: a page wants to publish. `live`: it is live, or has
 * been.
 */
export type Standing = 'waiting' | 'claimed' | 'live';

/** The place of one room among all rooms. */
export interface RoomPlace {
  /** The room is claimed from `address` and now counts against it. @throws OnecastError `too-many` */
  claim(address: string): void;
  /** The room is live, and is never evicted from now on. */
  live(): void;
  release(): void;
}

interface Entry {
  address: string;
  standing: Standing;
  releaseAddress: () => void;
  readonly evict: () => void;
}

/**
 * Places for rooms. When they are full, a room in which nobody has been live gives way: a room that
 * only viewers wait in to any claim, and otherwise the oldest one of the address that has the most,
 * to an address that has fewer. So a stranger's rooms keep nobody out.
 */
export class RoomCapacity {
  readonly #perAddress: AddressCount;
  readonly #max: number;
  readonly #openMax: number;
  /** From the oldest to the newest. */
  readonly #entries = new Set<Entry>();

  constructor(limits: Pick<Limits, 'roomsMax' | 'roomsPerAddressMax' | 'liveReserveShare'>) {
    this.#perAddress = new AddressCount(limits.roomsPerAddressMax);
    this.#max = limits.roomsMax;
    this.#openMax = openShare(limits.roomsMax, limits);
  }

  /**
   * @param standing `live` also for a room whose owner was live in it before a restart
   * @param evict closes the room, which releases its place at once
   * @throws OnecastError `too-many`
   */
  open(address: string, standing: Standing, evict: () => void): RoomPlace {
    const releaseAddress = this.#hold(address);
    if (this.#isFull(standing)) {
      this.#victim(address, standing)?.evict();
      if (this.#isFull(standing)) {
        releaseAddress();
        throw new OnecastError('too-many');
      }
    }
    const entry: Entry = { address, standing, releaseAddress, evict };
    this.#entries.add(entry);
    return {
      claim: (claimant) => {
        if (entry.standing !== 'waiting') return;
        // The claimant may be the one that the room counts against already.
        entry.releaseAddress();
        const release = this.#perAddress.hold(claimant);
        if (!release) {
          entry.releaseAddress = this.#hold(entry.address);
          throw new OnecastError('too-many');
        }
        Object.assign(entry, { address: claimant, standing: 'claimed', releaseAddress: release });
      },
      live: () => {
        entry.standing = 'live';
      },
      release: () => {
        if (this.#entries.delete(entry)) entry.releaseAddress();
      },
    };
  }

  #hold(address: string): () => void {
    const release = this.#perAddress.hold(address);
    if (!release) throw new OnecastError('too-many');
    return release;
  }

  /** Whether there is no place for one more room of this standing. */
  #isFull(standing: Standing): boolean {
    if (this.#entries.size >= this.#max) return true;
    if (standing === 'live') return false;
    let neverLive = 0;
    for (const entry of this.#entries) if (entry.standing !== 'live') neverLive += 1;
    return neverLive >= this.#openMax;
  }

  #victim(address: string, standing: Standing): Entry | undefined {
    const waiting = this.#oldestOfMost((entry) => entry.standing === 'waiting');
    if (standing === 'waiting') return fairTo(address, waiting);
    if (waiting) return waiting.oldest;
    const claimed = this.#oldestOfMost((entry) => entry.standing === 'claimed');
    return standing === 'live' ? claimed?.oldest : fairTo(address, claimed);
  }

  /** Of the entries that match: how many each network has, and the oldest of the one with the most. */
  #oldestOfMost(matches: (entry: Entry) => boolean): Crowd | undefined {
    const counts = new Map<string, { count: number; oldest: Entry }>();
    for (const entry of this.#entries) {
      if (!matches(entry)) continue;
      const network = networkOf(entry.address);
      const known = counts.get(network);
      if (known) known.count += 1;
      else counts.set(network, { count: 1, oldest: entry });
    }
    let most: { count: number; oldest: Entry } | undefined;
    for (const one of counts.values()) if (one.count > (most?.count ?? 0)) most = one;
    return most && { ...most, counts };
  }
}

interface Crowd {
  readonly count: number;
  readonly oldest: Entry;
  readonly counts: ReadonlyMap<string, { readonly count: number }>;
}

/** The crowd's oldest, if `address` has fewer even with one more. */
function fairTo(address: string, crowd: Crowd | undefined): Entry | undefined {
  const own = crowd?.counts.get(networkOf(address))?.count ?? 0;
  return crowd && own + 1 < crowd.count ? crowd.oldest : undefined;
}

/** The widest network that the address counts in. */
function networkOf(address: string): string {
  return tiersOf(address).at(-1)?.key ?? address;
}
