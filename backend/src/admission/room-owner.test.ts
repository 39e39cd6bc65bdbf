import { createSecretKey, randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { type OwnershipProof, OwnershipProofSchema, RoomIdSchema } from '#protocol/ids.ts';
import { isOwnedName } from '#protocol/owned-name.ts';
import { OwnershipProofs } from './ownership-proofs.ts';
import { ownedNameOf, provesLive, RoomOwner } from './room-owner.ts';
import { newSecret } from './secrets.ts';

const MAIN = v.parse(RoomIdSchema, 'main');
const taken = expect.objectContaining({ code: 'room-taken' });
const { idleRoomMs } = LIMITS;

/** A server that can restart: it then knows no room, and its time goes on. */
class Runs {
  time = 1_000;
  key = createSecretKey(randomBytes(32));
  proofs = new OwnershipProofs(this);
  readonly #owners = new Map<string, RoomOwner>();

  owner(room = MAIN): RoomOwner {
    const known = this.#owners.get(room);
    if (known) return known;
    const owner = new RoomOwner(room, this.proofs);
    this.#owners.set(room, owner);
    return owner;
  }

  now(): number {
    return this.time;
  }

  restart(): void {
    this.#owners.clear();
    this.proofs = new OwnershipProofs(this);
    this.time += LIMITS.ownershipSaveAheadMs;
  }

  /** The room, in which nobody was live, gives way to another one. */
  evict(room = MAIN): void {
    this.#owners.delete(room);
    this.proofs.revoke(room);
  }

  /** The room was idle for `idleRoomMs`. */
  forgetRooms(): void {
    this.#owners.clear();
    this.time += idleRoomMs;
  }

  /** A page claims the room, and stores what it gets. */
  page(room = MAIN) {
    const { secret } = this.owner(room).claim(undefined, undefined);
    let held = this.owner(room).proof(idleRoomMs, true);
    return {
      secret,
      get proof() {
        return held;
      },
      claim: (proof?: OwnershipProof) => this.owner(room).claim(secret, proof ?? held),
      renew: () => {
        held = this.owner(room).proof(idleRoomMs, true);
      },
      owns: () => {
        try {
          this.owner(room).assert(secret);
          return true;
        } catch {
          return false;
        }
      },
    };
  }
}

describe('RoomOwner', () => {
  it('ROOM-1 the first claim decides, and later ones must show its secret', () => {
    const owner = new Runs().owner();
    expect(() => owner.assert(newSecret())).toThrow(
      expect.objectContaining({ code: 'room-unknown' }),
    );
    const { secret, proven, tookOver } = owner.claim(undefined, undefined);
    expect({ proven, tookOver }).toEqual({ proven: false, tookOver: false });
    expect(owner.claim(secret, undefined).secret).toBe(secret);
    expect(() => owner.assert(secret)).not.toThrow();
    for (const other of [undefined, newSecret()]) {
      expect(() => owner.claim(other, undefined)).toThrow(taken);
    }
    expect(() => owner.assert(newSecret())).toThrow(taken);
  });

  it('ROOM-8 a page keeps the secret that it has from before a restart', () => {
    const secret = newSecret();
    expect(new Runs().owner().claim(secret, undefined).secret).toBe(secret);
  });

  it('ROOM-9 after a restart an owner takes its room back from a quicker one, again and again', () => {
    const runs = new Runs();
    const owner = runs.page();
    const thieves = [];
    for (let i = 0; i < 20; i += 1) {
      runs.restart();
      // Thieves of earlier restarts have proofs too; the newest thief comes first, the oldest last.
      const thief = runs.page();
      thieves.unshift(thief);
      for (const earlier of thieves.slice(1)) earlier.claim();
      expect(owner.claim()).toMatchObject({ proven: true, tookOver: true });
      expect(thieves.map((page) => page.owns())).not.toContain(true);
      for (const page of thieves) expect(() => page.claim()).toThrow(taken);
      owner.renew();
    }
  });

  it('ROOM-9 a proof is worth nothing without its secret, or for another room', () => {
    const runs = new Runs();
    const owner = runs.page();
    const elsewhere = runs.page(v.parse(RoomIdSchema, 'elsewhere'));
    runs.restart();
    const present = runs.page();
    expect(() => runs.owner().claim(newSecret(), owner.proof)).toThrow(taken);
    expect(() => runs.owner().claim(undefined, owner.proof)).toThrow(taken);
    expect(() => runs.owner().claim(elsewhere.secret, elsewhere.proof)).toThrow(taken);
    expect(present.owns()).toBe(true);
  });

  it('ROOM-9 a proof with any changed time is not valid', () => {
    const runs = new Runs();
    runs.time = 50_000;
    const owner = runs.page();
    const [since = '', until = '', mac = ''] = owner.proof?.split('.') ?? [];
    runs.restart();
    runs.page();
    for (const changed of [
      `0.${until}.${mac}`,
      `0${since}.${until}.${mac}`.replace('0', '1'),
      `${since}.${until}0.${mac}`,
      `${since}.${until}.${'A'.repeat(43)}`,
      `${until}.${since}.${mac}`,
    ]) {
      expect(() => owner.claim(v.parse(OwnershipProofSchema, changed))).toThrow(taken);
    }
    expect(owner.claim().tookOver).toBe(true);
  });

  it('ROOM-9 the proof of an owner whose room was forgotten takes nothing from the next owner', () => {
    const runs = new Runs();
    const former = runs.page();
    runs.time += 1;
    runs.forgetRooms();
    const next = runs.page();
    expect(() => former.claim()).toThrow(taken);
    runs.restart();
    // Now the former one is quicker, too.
    expect(former.claim()).toMatchObject({ proven: false });
    expect(next.claim().tookOver).toBe(true);
    expect(() => former.claim()).toThrow(taken);
  });

  it('ROOM-9 an owner that does not come back loses its room after the time that it would have without the restart', () => {
    const runs = new Runs();
    const owner = runs.page();
    runs.restart();
    const next = runs.page();
    runs.time += idleRoomMs;
    expect(() => owner.claim()).toThrow(taken);
    expect(next.owns()).toBe(true);
  });

  it('ROOM-9 with a lost key no proof is valid, and the first claim decides', () => {
    const runs = new Runs();
    const owner = runs.page();
    runs.restart();
    runs.key = createSecretKey(randomBytes(32));
    const next = runs.page();
    expect(() => owner.claim()).toThrow(taken);
    expect(next.owns()).toBe(true);
  });

  it('ROOM-9 a page that claims before it finds its proof keeps its room with the proof', () => {
    const runs = new Runs();
    const owner = runs.page();
    runs.restart();
    runs.owner().claim(owner.secret, undefined);
    expect(owner.claim()).toMatchObject({ proven: true, tookOver: false });
    owner.renew();
    expect(owner.proof?.split('.')[0]).toBe('1000');
  });
});

describe('rooms that give way to others', () => {
  it('ROOM-9 the owner of an evicted room takes nothing from the next one', () => {
    const runs = new Runs();
    const former = runs.page();
    runs.time += 5;
    runs.evict();
    runs.time += 5;
    const next = runs.page();
    expect(() => former.claim()).toThrow(taken);
    expect(next.claim()).toMatchObject({ proven: true });
    expect(next.owns()).toBe(true);
    // Another room's eviction changes nothing.
    runs.evict(v.parse(RoomIdSchema, 'other'));
    expect(next.claim()).toMatchObject({ proven: true });
  });

  it('LIMIT-11 a proof shows whether its owner was live, and only its owner can use it', () => {
    const runs = new Runs();
    const { secret } = runs.owner().claim(undefined, undefined);
    const claimed = runs.owner().proof(60_000, false);
    const live = runs.owner().proof(idleRoomMs, true);
    const shows = (proof = claimed, shown: typeof secret | undefined = secret, room = MAIN) =>
      provesLive(runs.proofs, room, { secret: shown, proof });
    for (const restarts of [0, 1]) {
      if (restarts > 0) runs.restart();
      expect(shows()).toBe(false);
      expect(shows(live)).toBe(true);
      expect(shows(live, newSecret())).toBe(false);
      expect(shows(live, secret, v.parse(RoomIdSchema, 'other'))).toBe(false);
    }
    expect(runs.owner().claim(secret, claimed)).toMatchObject({ proven: true, wasLive: false });
    // The end of its validity can't be changed into that of another proof.
    const [since, , mac] = String(claimed).split('.');
    const forged = v.parse(OwnershipProofSchema, `${since}.${String(live).split('.')[1]}.${mac}`);
    expect(shows(forged)).toBe(false);
    runs.time += idleRoomMs;
    expect(shows(live)).toBe(false);
  });
});

describe('names that contain the hash of a secret', () => {
  it('ROOM-10 only the holder of the secret can claim such a room, whoever is first', () => {
    const secret = newSecret();
    const room = ownedNameOf(secret);
    expect(isOwnedName(room)).toBe(true);
    const owner = new Runs().owner(room);
    for (const other of [undefined, newSecret()]) {
      expect(() => owner.claim(other, undefined)).toThrow(taken);
    }
    expect(owner.claim(secret, undefined)).toMatchObject({ secret, tookOver: false });
    expect(owner.proof(idleRoomMs, true)).toBeUndefined();
  });

  it('LINK-2 ROOM-10 a link in other capitals leads to the same room, and to the same owner', () => {
    const secret = newSecret();
    const name = ownedNameOf(secret);
    for (const link of [name.toUpperCase(), name.replace('own', 'Own')]) {
      const room = v.parse(RoomIdSchema, link);
      expect(room).toBe(name);
      const owner = new Runs().owner(room);
      expect(() => owner.claim(newSecret(), undefined)).toThrow(taken);
      expect(owner.claim(secret, undefined).secret).toBe(secret);
    }
  });

  it.each(['own-', 'own-AAAA', `own-${'A'.repeat(23)}`, 'A'.repeat(26)])(
    'ROOM-10 %s is an ordinary name',
    (name) => {
      const room = v.parse(RoomIdSchema, name);
      expect(new Runs().owner(room).claim(undefined, undefined).secret).toHaveLength(43);
    },
  );
});
