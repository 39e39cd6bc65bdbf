import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Traffic, type TrafficSource } from './traffic.ts';

const LIMITS = { trafficIntervalMs: 1_000, trafficReadsMax: 3 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function viewer(sent: () => number | Promise<never>, polled: () => void): TrafficSource {
  const getStats = async () => {
    polled();
    return [{ bytesSent: await sent() }];
  };
  return { role: 'viewer', session: { openTransport: { getStats } } } as unknown as TrafficSource;
}

function counted() {
  const sum = { in: 0, out: 0, lost: 0 };
  return {
    sum,
    mediaBytes: (direction: 'in' | 'out', bytes: number) => {
      sum[direction] += bytes;
    },
    packetsLost: (packets: number) => {
      sum.lost += packets;
    },
  };
}

describe('OBS-1 traffic is counted at a cost that does not grow with the number of viewers', () => {
  it('polls a few transports at a time, all in turn, and counts each byte once', async () => {
    let polled = 0;
    const viewers = Array.from({ length: 7 }, () =>
      viewer(
        () => 100,
        () => (polled += 1),
      ),
    );
    const metrics = counted();
    const traffic = new Traffic(() => viewers.values(), LIMITS, metrics);
    const polls: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      polled = 0;
      await vi.advanceTimersByTimeAsync(1_000);
      polls.push(polled);
    }
    expect(polls).toEqual([3, 3, 1, 3, 3, 1]);
    expect(metrics.sum.out).toBe(700);
    traffic.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not poll a hung worker again and again', async () => {
    let polled = 0;
    const hung = viewer(
      () => new Promise<never>(() => undefined),
      () => (polled += 1),
    );
    const traffic = new Traffic(() => [hung].values(), LIMITS, counted());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(polled).toBe(1);
    traffic.close();
  });

  it('never counts backwards when a value falls', async () => {
    const lost = [5, 3, 9];
    const source = {
      role: 'publisher',
      session: { openTransport: { getStats: async () => [{ bytesReceived: 10 }] } },
      broadcast: {
        producers: [{ closed: false, getStats: async () => [{ packetsLost: lost.shift() ?? 9 }] }],
      },
    } as unknown as TrafficSource;
    const metrics = counted();
    const traffic = new Traffic(() => [source].values(), LIMITS, metrics);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(metrics.sum).toEqual({ in: 10, out: 0, lost: 9 });
    traffic.close();
  });
});
