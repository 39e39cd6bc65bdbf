import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

const allowed = (bucket: TokenBucket, times: readonly number[]) =>
  times.filter((now) => bucket.tryConsume(now)).length;

test('LIMIT-1 a burst, then the average rate', () => {
  const bucket = new TokenBucket({ burst: 20, perS: 10 }, 0);
  expect(allowed(bucket, Array(100).fill(0))).toBe(20);
  expect(allowed(bucket, Array(100).fill(1_000))).toBe(10);
  const evenly = Array.from({ length: 1_000 }, (_, i) => 1_000 + i * 10);
  expect(allowed(bucket, evenly)).toBeGreaterThan(97);
  expect(allowed(bucket, evenly.slice(-1))).toBeLessThan(2);
});

test('LIMIT-1 a refusal consumes nothing, and idle time never saves more than the burst', () => {
  const bucket = new TokenBucket({ burst: 2, perS: 1 }, 0);
  expect(allowed(bucket, Array(1_000).fill(0))).toBe(2);
  expect(bucket.tryConsume(1_000)).toBe(true);
  expect(allowed(bucket, Array(10).fill(3_600_000))).toBe(2);
});

test('INGEST-3 a batch is accepted whole or refused, with the time until it would fit', () => {
  const bucket = new TokenBucket({ burst: 5, perS: 10 }, 0);
  expect(bucket.tryConsume(0, 4)).toBe(true);
  expect(bucket.tryConsume(0, 3)).toBe(false);
  expect(bucket.waitMs(3)).toBe(200);
  expect(bucket.tryConsume(0)).toBe(true);
  expect(bucket.tryConsume(300, 3)).toBe(true);
  expect(bucket.waitMs(0)).toBe(0);
});
