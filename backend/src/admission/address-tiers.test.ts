import { describe, expect, it, test } from 'vitest';
import { AddressCount, AddressRate, AddressWindow, tiersOf } from './address-tiers.ts';
import { addressKey } from './client-address.ts';

/** The `n`th /64 of a /48. */
const network = (n: number) => addressKey(`2001:db8:7:${n.toString(16)}::1`);

describe('LIMIT-3 an IPv6 address counts in its /64, its /56 and its /48', () => {
  test.each([
    ['198.51.100.1', ['198.51.100.1']],
    ['2001:db8:7:12ab::1', ['2001:db8:7:12ab::/64', '2001:db8:7:1200::/56', '2001:db8:7::/48']],
    ['2001:db8::1', ['2001:db8:0:0::/64', '2001:db8:0:0::/56', '2001:db8:0::/48']],
  ])('%s', (address, keys) => {
    expect(tiersOf(addressKey(address)).map(({ key }) => key)).toEqual(keys);
  });

  it('a /56 holds twice as much as a /64, and a /48 four times', () => {
    const count = new AddressCount(10);
    const held = (addresses: string[]) =>
      addresses.filter((address) => count.hold(address) !== undefined).length;
    expect(held(Array.from({ length: 20 }, () => network(0)))).toBe(10);
    expect(held(Array.from({ length: 255 }, (_, i) => network(i + 1)))).toBe(10);
    expect(held(Array.from({ length: 1_000 }, (_, i) => network(256 + i * 4)))).toBe(20);
    expect(held([addressKey('2001:db8:8::1'), '198.51.100.1'])).toBe(2);
  });

  it('the same holds for a rate and for a window', () => {
    const rate = new AddressRate({ burst: 5, perS: 1 });
    const window = new AddressWindow(5, 10_000);
    for (const limit of [rate, window]) {
      const passed = Array.from({ length: 256 }, (_, i) => limit.tryConsume(network(i), 0));
      expect(passed.filter(Boolean)).toHaveLength(10);
    }
  });
});

describe('LIMIT-9 counters of one address', () => {
  it('a release frees one place, once', () => {
    const count = new AddressCount(2);
    const [first] = [count.hold('a'), count.hold('a')];
    expect(count.hold('a')).toBeUndefined();
    expect(count.hold('b')).toBeDefined();
    first?.();
    first?.();
    expect(count.hold('a')).toBeDefined();
    expect(count.hold('a')).toBeUndefined();
  });

  it('a rate refills, and what was charged beyond it must be paid off first', () => {
    const rate = new AddressRate({ burst: 10, perS: 1 });
    rate.charge('a', 100, 0);
    expect([0, 90_000, 91_000].map((now) => rate.has('a', now))).toEqual([false, false, true]);
    expect(rate.tryConsume('a', 91_000)).toBe(true);
    expect(rate.tryConsume('a', 91_000)).toBe(false);
    expect(rate.has('b', 0)).toBe(true);
  });

  it('what queues for a rate waits until its turn', () => {
    const rate = new AddressRate({ burst: 2, perS: 10 });
    expect([1, 2, 3, 4, 5].map(() => rate.queue('a', 0))).toEqual([0, 0, 100, 200, 300]);
    expect(rate.queue('b', 0)).toBe(0);
    expect(rate.queue('a', 10_000)).toBe(0);
  });

  it('a window allows its number, and begins again when it is over', () => {
    const window = new AddressWindow(2, 1_000);
    expect([0, 1, 2, 999, 1_000, 1_001, 1_002].map((now) => window.tryConsume('a', now))).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
      false,
    ]);
  });
});
