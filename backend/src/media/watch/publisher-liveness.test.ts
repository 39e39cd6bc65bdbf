import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import type { types } from '../types.ts';
import { PublisherLiveness } from './publisher-liveness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** When the publisher of a transport counts as lost that receives a packet at these times only, ms. */
async function lostAt(arrivals: readonly number[], sends: boolean): Promise<number | undefined> {
  const begun = performance.now();
  const now = () => performance.now() - begun;
  let lost: number | undefined;
  const transport = {
    closed: false,
    observer: new EventEmitter(),
    getStats: async () => [{ bytesReceived: arrivals.filter((at) => at <= now()).length }],
  } as unknown as types.WebRtcTransport;
  const liveness = new PublisherLiveness(transport, LIMITS, {
    sends: () => sends,
    aliveChanged: (alive) => {
      lost ??= alive ? undefined : now();
    },
    statsReceived: () => undefined,
  });
  await vi.advanceTimersByTimeAsync(60_000);
  liveness.close();
  return lost;
}

const every = (ms: number, until: number) =>
  Array.from({ length: Math.ceil(until / ms) }, (_, i) => i * ms);

it('ROOM-4 a publisher that sends is lost 3 s after the last packet', async () => {
  const at = (await lostAt(every(30, 10_000), true)) ?? 0;
  expect(at).toBeGreaterThanOrEqual(12_500);
  expect(at).toBeLessThanOrEqual(14_000);
});

it.each([2_500, 6_000])(
  'ROOM-4 SRC-1 one without camera and microphone is not, as long as ICE checks come every %i ms',
  async (ms) => {
    expect(await lostAt(every(ms, 60_000), false)).toBeUndefined();
    expect(await lostAt(every(ms, 20_000), false)).toBeGreaterThan(30_000);
  },
);
