import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OwnershipProofSchema, RoomIdSchema, SecretSchema } from '#protocol/ids.ts';
import { isOwnedName, ownedName, ownedNameText } from '#protocol/owned-name.ts';
import { offerRoom, RoomOwnership } from './room-ownership.ts';

const demo = v.parse(RoomIdSchema, 'demo');
const secret = v.parse(SecretSchema, 'S'.repeat(43));
const proof = v.parse(OwnershipProofSchema, `12.34.${'M'.repeat(43)}`);

function browser(stored: Record<string, string> = {}) {
  const map = new Map(Object.entries(stored));
  return {
    map,
    storage: () => ({
      getItem: (key: string) => map.get(key) ?? null,
      setItem: (key: string, value: string) => void map.set(key, value),
      removeItem: (key: string) => void map.delete(key),
    }),
  };
}
const blocked = () => {
  throw new DOMException('blocked', 'SecurityError');
};

afterEach(() => vi.unstubAllGlobals());

describe('RoomOwnership', () => {
  it('WHIP-7 makes a secret ahead of the first claim, once', () => {
    const { map, storage } = browser();
    const ownership = new RoomOwnership(demo, storage);
    ownership.claimAhead();
    const made = ownership.secret;
    expect(v.is(SecretSchema, made)).toBe(true);
    ownership.claimAhead();
    expect(ownership.secret).toBe(made);
    expect(new RoomOwnership(demo, browser(Object.fromEntries(map)).storage).secret).toBe(made);
  });

  it.each([
    `#publisher=${'A'.repeat(43)}`,
    `#token=x&publisher=${'A'.repeat(43)}`,
    `#publisher=${'A'.repeat(43)}&publisher=${'B'.repeat(43)}`,
    `#%70ublisher=${'A'.repeat(43)}`,
    `#publisher=${'%41'.repeat(43)}`,
    `#/publish?publisher=${'A'.repeat(43)}`,
  ])('ROOM-11 an address never sets a secret: %s', (hash) => {
    const search = hash.replace('#', '?');
    vi.stubGlobal('location', {
      hash,
      search,
      href: `https://x.test/publish/demo${search}${hash}`,
    });
    const fresh = browser();
    expect(new RoomOwnership(demo, fresh.storage).secret).toBeUndefined();
    expect([...fresh.map]).toEqual([]);
    // Nor does it replace one.
    const owning = browser({ 'onecast.publisher.demo': secret });
    const ownership = new RoomOwnership(demo, owning.storage);
    expect(ownership.secret).toBe(secret);
    // The address changes while the page is open.
    vi.stubGlobal('location', { hash: `#publisher=${'C'.repeat(43)}`, search: '', href: '' });
    expect(ownership.secret).toBe(secret);
  });

  it('ROOM-9 keeps secret and proof over a reload, for one room', () => {
    const { storage } = browser();
    new RoomOwnership(demo, storage).store(secret, proof);
    const reloaded = new RoomOwnership(demo, storage);
    expect([reloaded.secret, reloaded.proof]).toEqual([secret, proof]);
    // A renewed proof leaves the secret, and an answer without a proof leaves the proof.
    const renewed = v.parse(OwnershipProofSchema, `12.99.${'M'.repeat(43)}`);
    reloaded.store(undefined, renewed);
    reloaded.store(secret, undefined);
    expect([reloaded.secret, reloaded.proof]).toEqual([secret, renewed]);
    const other = new RoomOwnership(v.parse(RoomIdSchema, 'other'), storage);
    expect([other.secret, other.proof]).toEqual([undefined, undefined]);
  });

  it('a page whose storage is blocked keeps them until it is reloaded', () => {
    const ownership = new RoomOwnership(demo, blocked);
    ownership.store(secret, proof);
    expect([ownership.secret, ownership.proof]).toEqual([secret, proof]);
  });

  it('AIR-3 keeps them when site data is deleted while the page is open, and stores them again', () => {
    const { storage, map } = browser({
      'onecast.publisher.demo': secret,
      'onecast.proof.demo': proof,
    });
    const ownership = new RoomOwnership(demo, storage);
    map.clear();
    expect([ownership.secret, ownership.proof]).toEqual([secret, proof]);
    const renewed = v.parse(OwnershipProofSchema, `12.99.${'M'.repeat(43)}`);
    ownership.store(undefined, renewed);
    const reloaded = new RoomOwnership(demo, storage);
    expect([reloaded.secret, reloaded.proof]).toEqual([secret, renewed]);
  });

  it('LINK-2 adopts what was stored under a name with capitals', () => {
    const { storage } = browser();
    const items = { 'onecast.publisher.Demo': secret, 'onecast.proof.Demo': proof };
    const old = () => Object.assign(Object.create(storage()), items) as ReturnType<typeof storage>;
    for (const [key, value] of Object.entries(items)) storage().setItem(key, value);
    const ownership = new RoomOwnership(demo, old);
    expect([ownership.secret, ownership.proof]).toEqual([secret, proof]);
    expect(storage().getItem('onecast.publisher.demo')).toBe(secret);
  });

  it('AIR-3 a page whose storage is full keeps them until it is reloaded', () => {
    const ownership = new RoomOwnership(demo, () => ({
      getItem: () => null,
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
      removeItem: () => undefined,
    }));
    ownership.store(secret, proof);
    expect([ownership.secret, ownership.proof]).toEqual([secret, proof]);
  });

  it('what another version has stored in another form is not sent', () => {
    const { storage } = browser({ 'onecast.publisher.demo': 'x', 'onecast.proof.demo': 'y' });
    const ownership = new RoomOwnership(demo, storage);
    expect([ownership.secret, ownership.proof]).toEqual([undefined, undefined]);
  });
});

describe('ROOM-10 offerRoom', () => {
  it('makes a room whose name belongs to a secret that only the page that opens it gets', async () => {
    const { storage, map } = browser();
    const room = await offerRoom(storage);
    if (room === undefined) throw new Error('no room');
    expect(isOwnedName(room)).toBe(true);
    expect(new RoomOwnership(demo, storage).secret).toBeUndefined();
    const owned = new RoomOwnership(room, storage).secret;
    if (owned === undefined) throw new Error('no secret');
    expect(ownedName(createHash('sha256').update(ownedNameText(owned)).digest())).toBe(room);
    expect([...map]).toEqual([[`onecast.publisher.${room}`, owned]]);
    // The reload.
    expect(new RoomOwnership(room, storage).secret).toBe(owned);
  });

  it('remembers a bounded number of rooms that nobody has opened', async () => {
    const { storage, map } = browser();
    const first = await offerRoom(storage);
    let last = first;
    for (let i = 0; i < 20; i += 1) last = await offerRoom(storage);
    expect((JSON.parse(map.get('onecast.offered') ?? '') as unknown[]).length).toBe(16);
    expect(new RoomOwnership(first ?? demo, storage).secret).toBeUndefined();
    expect(new RoomOwnership(last ?? demo, storage).secret).toBeDefined();
  });

  it('offers none where storage is blocked or there is no WebCrypto', async () => {
    expect(await offerRoom(blocked)).toBeUndefined();
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array) => bytes });
    expect(await offerRoom(browser().storage)).toBeUndefined();
  });
});
