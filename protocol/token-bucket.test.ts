import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

const taken = (bucket: TokenBucket, times: readonly number[]) =>
  times.filter((now) => bucket.take(now)).length;

test('LIMIT-1 a burst, then so many a second', () => {
  const bucket = new TokenBucket({ burst: 20, perS: 10 }, 0);
  expect(taken(bucket, Array(100).fill(0))).toBe(20);
  expect(taken(bucket, Array(100).fill(1_000))).toBe(10);
  const evenly = Array.from({ length: 1_000 }, (_, i) => 1_000 + i * 10);
  expect(taken(bucket, evenly)).toBeGreaterThan(97);
  expect(taken(bucket, evenly.slice(-1))).toBeLessThan(2);
});

test('LIMIT-1 what is refused costs nothing, and rest does not save up more than the burst', () => {
  const bucket = new TokenBucket({ burst: 2, perS: 1 }, 0);
  expect(taken(bucket, Array(1_000).fill(0))).toBe(2);
  expect(bucket.take(1_000)).toBe(true);
  expect(taken(bucket, Array(10).fill(3_600_000))).toBe(2);
});

test('INGEST-3 all of a batch or none of it, and how long until there is room for it', () => {
  const bucket = new TokenBucket({ burst: 5, perS: 10 }, 0);
  expect(bucket.take(0, 4)).toBe(true);
  expect(bucket.take(0, 3)).toBe(false);
  expect(bucket.waitMs(3)).toBe(200);
  expect(bucket.take(0)).toBe(true);
  expect(bucket.take(300, 3)).toBe(true);
  expect(bucket.waitMs(0)).toBe(0);
});
