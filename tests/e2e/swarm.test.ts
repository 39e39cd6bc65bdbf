import { expect, test } from 'vitest';
import { swarm } from '../../bench/swarm.ts';

const VIEWERS = 30;

test('JOIN-2 30 viewers within a second all get a picture, and few key frames serve them', async () => {
  const result = await swarm({ viewers: VIEWERS, browsers: 1 });
  expect(result.errors).toEqual([]);
  expect(result.withFrames).toBe(VIEWERS);
  expect(result.advancing).toBe(VIEWERS);
  // Two a second; besides, the first comes at once, and an encoder that is slow is asked again.
  const { requests, seconds } = result.keyFrames;
  expect(requests).toBeGreaterThan(0);
  expect(requests).toBeLessThanOrEqual(2 * seconds + 3);
});
