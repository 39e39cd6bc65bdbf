import { expect, test } from 'vitest';
import { swarm } from '../../bench/swarm.ts';

const VIEWERS = 30;

test('JOIN-2 30 viewers that join within a second all show video, with few key-frame requests', async () => {
  const result = await swarm({ viewers: VIEWERS, browsers: 1 });
  expect(result.errors).toEqual([]);
  expect(result.withFrames).toBe(VIEWERS);
  expect(result.advancing).toBe(VIEWERS);
  // Two a second. The first one is not delayed, and a slow encoder gets repeated requests.
  const { requests, seconds } = result.keyFrames;
  expect(requests).toBeGreaterThan(0);
  expect(requests).toBeLessThanOrEqual(2 * seconds + 3);
});
