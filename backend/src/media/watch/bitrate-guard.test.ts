import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { BitrateGuard } from './bitrate-guard.ts';

const { publisherBitrateMaxBps: allowed, livenessIntervalMs } = LIMITS;

/** When (ms) the guard closes the publisher, or undefined if it does not within a minute. */
function closedAt(bpsAt: (ms: number) => { rtp?: number; other?: number }): number | undefined {
  const guard = new BitrateGuard(LIMITS.publisherBitrateMaxBps, LIMITS);
  const received = { bytesReceived: 0, rtpBytesReceived: 0, rtxBytesReceived: 0 };
  for (let now = 0; now <= 60_000; now += livenessIntervalMs) {
    if (guard.exceeds({ ...received }, now)) return now;
    const { rtp = 0, other = 0 } = bpsAt(now);
    received.rtpBytesReceived += (rtp * livenessIntervalMs) / 8_000;
    received.bytesReceived += ((rtp + other) * livenessIntervalMs) / 8_000;
  }
  return undefined;
}

describe('LIMIT-8 a publisher that sends more than allowed', () => {
  it('is not closed up to the tolerance, nor for a burst', () => {
    expect(closedAt(() => ({ rtp: allowed }))).toBeUndefined();
    expect(closedAt(() => ({ rtp: allowed * 1.4 }))).toBeUndefined();
    // What has queued up behind a path that carried nothing for two seconds.
    expect(
      closedAt((ms) => ({ rtp: ms % 20_000 === 6_000 ? allowed * 4 : allowed * 0.7 })),
    ).toBeUndefined();
    expect(
      closedAt((ms) => ({ rtp: ms % 10_000 < 4_000 ? allowed * 2 : allowed * 0.7 })),
    ).toBeUndefined();
  });

  it('is closed within 10 s', () => {
    expect(closedAt(() => ({ rtp: allowed * 1.6 }))).toBeLessThanOrEqual(6_500);
    expect(closedAt((ms) => ({ rtp: ms < 30_000 ? allowed : allowed * 2 }))).toBeLessThanOrEqual(
      38_000,
    );
  });

  it('on the data channel is closed within 5 s of the start of the excess', () => {
    for (const begin of [0, 500, 10_000, 10_500]) {
      const flood = (ms: number) => ({ rtp: allowed * 0.7, other: ms < begin ? 0 : 14_000_000 });
      expect(closedAt(flood)).toBeLessThanOrEqual(begin + 5_000);
    }
    // A burst of messages of the largest size, sent at once after they had to wait.
    const burst = (ms: number) => ({ other: ms === 8_000 ? 55_000_000 : 2_000_000 });
    expect(closedAt(burst)).toBeUndefined();
  });

  it('many times over is closed at the next check, whether it is media or data', () => {
    expect(closedAt(() => ({ rtp: allowed * 6 }))).toBeLessThanOrEqual(2_500);
    // 64 kB a thousand times a second on the data channel.
    expect(closedAt(() => ({ rtp: allowed * 0.7, other: 512_000_000 }))).toBeLessThanOrEqual(2_500);
  });

  it('is not closed for an overlay of the largest allowed size next to video at the limit', () => {
    expect(closedAt(() => ({ rtp: allowed, other: 16 * 1024 * 60 * 8 }))).toBeUndefined();
  });
});
