import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { BitrateGuard } from './bitrate-guard.ts';

const { publisherBitrateMaxBps: agreed, livenessIntervalMs } = LIMITS;

/** When (ms) it has gone too far, or undefined within a minute. Asked as often as the pulse asks. */
function closedAt(bpsAt: (ms: number) => { rtp?: number; other?: number }): number | undefined {
  const guard = new BitrateGuard(LIMITS);
  const received = { bytesReceived: 0, rtpBytesReceived: 0, rtxBytesReceived: 0 };
  for (let now = 0; now <= 60_000; now += livenessIntervalMs) {
    if (guard.saw({ ...received }, now)) return now;
    const { rtp = 0, other = 0 } = bpsAt(now);
    received.rtpBytesReceived += (rtp * livenessIntervalMs) / 8_000;
    received.bytesReceived += ((rtp + other) * livenessIntervalMs) / 8_000;
  }
  return undefined;
}

describe('LIMIT-8 who sends more than agreed', () => {
  it('is left alone up to the tolerance, and through a burst', () => {
    expect(closedAt(() => ({ rtp: agreed }))).toBeUndefined();
    expect(closedAt(() => ({ rtp: agreed * 1.4 }))).toBeUndefined();
    // What has piled up behind a line that stood still for two seconds.
    expect(
      closedAt((ms) => ({ rtp: ms % 20_000 === 6_000 ? agreed * 4 : agreed * 0.7 })),
    ).toBeUndefined();
    expect(
      closedAt((ms) => ({ rtp: ms % 10_000 < 4_000 ? agreed * 2 : agreed * 0.7 })),
    ).toBeUndefined();
  });

  it('is closed within 10 s', () => {
    expect(closedAt(() => ({ rtp: agreed * 1.6 }))).toBeLessThanOrEqual(6_500);
    expect(closedAt((ms) => ({ rtp: ms < 30_000 ? agreed : agreed * 2 }))).toBeLessThanOrEqual(
      38_000,
    );
  });

  it('on the data channel is closed within 5 s, from when it begins', () => {
    for (const begin of [0, 500, 10_000, 10_500]) {
      const flood = (ms: number) => ({ rtp: agreed * 0.7, other: ms < begin ? 0 : 14_000_000 });
      expect(closedAt(flood)).toBeLessThanOrEqual(begin + 5_000);
    }
    // All at once that had to wait, as large as messages may be.
    const burst = (ms: number) => ({ other: ms === 8_000 ? 55_000_000 : 2_000_000 });
    expect(closedAt(burst)).toBeUndefined();
  });

  it('grossly is closed at the next look, whatever it is that is sent', () => {
    expect(closedAt(() => ({ rtp: agreed * 6 }))).toBeLessThanOrEqual(2_500);
    // 64 kB a thousand times a second on the data channel.
    expect(closedAt(() => ({ rtp: agreed * 0.7, other: 512_000_000 }))).toBeLessThanOrEqual(2_500);
  });

  it('an overlay as large as it may be is not held against the picture', () => {
    expect(closedAt(() => ({ rtp: agreed, other: 16 * 1024 * 60 * 8 }))).toBeUndefined();
  });
});
