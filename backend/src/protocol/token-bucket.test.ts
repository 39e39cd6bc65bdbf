import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

const taken = (bucket: TokenBucket, times: readonly number[]) =>
  times.filter((now) => bucket.take(now)).length;

test('R82 a burst, then so many a second', () => {
  const bucket = new TokenBucket({ burst: 20, perS: 10 }, 0);
  expect(taken(bucket, Array(100).fill(0))).toBe(20);
  expect(taken(bucket, Array(100).fill(1_000))).toBe(10);
  const evenly = Array.from({ length: 1_000 }, (_, i) => 1_000 + i * 10);
  expect(taken(bucket, evenly)).toBeGreaterThan(97);
  expect(taken(bucket, evenly.slice(-1))).toBeLessThan(2);
});

test('R82 what is refused costs nothing, and rest does not save up more than the burst', () => {
  const bucket = new TokenBucket({ burst: 2, perS: 1 }, 0);
  expect(taken(bucket, Array(1_000).fill(0))).toBe(2);
  expect(bucket.take(1_000)).toBe(true);
  expect(taken(bucket, Array(10).fill(3_600_000))).toBe(2);
});
