import { expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { AddressAdmission } from './address-admission.ts';

const CLASS = '198.51.100.7';
const OTHER = '198.51.100.8';

it('LIMIT-9 a page with its files needs not wait, and a crowd of them gets its turn within seconds', () => {
  const addresses = new AddressAdmission(LIMITS);
  const page = Array.from({ length: 10 }, () => addresses.turn(CLASS));
  expect(Math.max(...page)).toBe(0);
  const more = Array.from({ length: 200 * 9 - 10 }, () => addresses.turn(CLASS));
  expect(Math.max(...more)).toBeLessThan(5_000);
  expect(addresses.turn(OTHER)).toBe(0);
});

it('LIMIT-9 what comes from one address at once is spread, so that others come in between', () => {
  const addresses = new AddressAdmission(LIMITS);
  const waits = Array.from({ length: 400 }, () => addresses.turn(CLASS));
  const within10ms = waits.filter((wait) => wait < 10).length;
  expect(within10ms).toBeLessThanOrEqual(25);
});

it('LIMIT-9 a class may open the connections of all its pages at once, but not again and again', () => {
  const addresses = new AddressAdmission(LIMITS);
  const opened = Array.from({ length: 3_000 }, () => addresses.mayConnect(CLASS));
  const admitted = opened.filter(Boolean).length;
  expect(admitted).toBeGreaterThanOrEqual(200 * 7);
  expect(admitted).toBeLessThan(200 * 7 + 200);
  expect(addresses.mayConnect(OTHER)).toBe(true);
});
