import { RoomIdSchema } from '#protocol/ids.ts';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { BroadcastMemory, type RememberedBroadcast } from './broadcast-memory.ts';
import { isContinuation, OnAirIntent, type PageLoad } from './on-air-intent.ts';
import { OnAirLock } from './on-air-lock.ts';

const NOW = 1_000_000;
const was: RememberedBroadcast = {
  from: 'camera',
  overlay: 'none',
  note: '',
  startedAt: NOW - 60_000,
  seenAt: NOW - 5_000,
};
const RELOAD: PageLoad = { navigation: 'reload', discarded: false };
const room = v.parse(RoomIdSchema, 'studio');

function tab(remembered?: RememberedBroadcast, lockWaitMs?: number) {
  const items = new Map<string, string>();
  const memory = new BroadcastMemory(room, () => ({
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }));
  if (remembered) memory.write(remembered);
  // Node has the browsers' Web Locks: all tabs of these tests are one browser.
  const lock = new OnAirLock(room, navigator.locks);
  return { memory, lock, intent: new OnAirIntent(memory, lock, lockWaitMs) };
}

describe('AIR-1 isContinuation', () => {
  it('is a reload of a page that was on air just now', () => {
    expect(isContinuation(RELOAD, was, NOW)).toBe(true);
  });

  it.each<[string, PageLoad, Partial<RememberedBroadcast>]>([
    ['opened, or a copy made by window.open', { ...RELOAD, navigation: 'navigate' }, {}],
    [
      'duplicated, reopened, restored, Back or Forward',
      { ...RELOAD, navigation: 'back_forward' },
      {},
    ],
    ['prerendered', { ...RELOAD, navigation: 'prerender' }, {}],
    ['a browser that does not say', { ...RELOAD, navigation: undefined }, {}],
    ['discarded by the browser', { ...RELOAD, discarded: true }, {}],
    ['a crash that was noticed too late', RELOAD, { seenAt: NOW - 120_001 }],
    ['a clock that was set back', RELOAD, { seenAt: NOW + 1 }],
  ])('is not: %s', (_name, load, change) => {
    expect(isContinuation(load, { ...was, ...change }, NOW)).toBe(false);
  });
});

describe('AIR-1 AIR-2 OnAirIntent', () => {
  it('goes on after a reload, and still remembers it: the next reload may come at once', async () => {
    const page = tab(was);
    expect(await page.intent.decide(RELOAD, NOW)).toEqual({ was, goOn: true });
    expect(page.memory.read()).toEqual(was);
    expect(page.intent.asking.value).toBeUndefined();
    page.lock.release();
  });

  it('asks otherwise, and does not go on when that page is reloaded', async () => {
    const page = tab(was);
    const decided = await page.intent.decide({ ...RELOAD, navigation: 'back_forward' }, NOW);
    expect(decided).toEqual({ was, goOn: false });
    expect(page.intent.asking.value).toBe('was-live');
    expect(await page.intent.decide(RELOAD, NOW)).toBeUndefined();
    page.intent.answered();
    expect(page.intent.asking.value).toBeUndefined();
  });

  it('asks while another tab is on air, whatever the browser reports', async () => {
    const first = tab();
    expect(await first.lock.hold()).toBe(true);
    const copy = tab(was, 10);
    expect(await copy.intent.decide(RELOAD, NOW)).toEqual({ was, goOn: false });
    expect(copy.intent.asking.value).toBe('live-elsewhere');
    // Pressing start there does not wait for the lock; the server makes the first tab stop.
    const taken = copy.lock.hold();
    first.lock.release();
    expect(await taken).toBe(true);
    await first.lock.look();
    expect(first.lock.elsewhere.value).toBe(true);
    copy.lock.release();
    await expect.poll(() => first.lock.elsewhere.value).toBe(false);
  });

  it('waits for the document before the reload to let go', async () => {
    const before = tab();
    await before.lock.hold();
    const decided = tab(was).intent.decide(RELOAD, NOW);
    before.lock.release();
    expect(await decided).toEqual({ was, goOn: true });
  });

  it('works without locks, and with locks that are blocked', async () => {
    const blocked = { request: refuse, query: refuse } as unknown as LockManager;
    for (const locks of [undefined, blocked]) {
      const lock = new OnAirLock(v.parse(RoomIdSchema, 'other'), locks);
      await lock.look();
      expect(await lock.hold(10)).toBe(true);
      expect(lock.elsewhere.value).toBe(false);
      lock.release();
    }
  });
});

async function refuse(): Promise<never> {
  throw new DOMException('blocked', 'SecurityError');
}
