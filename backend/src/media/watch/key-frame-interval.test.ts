import { describe, expect, it } from 'vitest';
import { KeyFrameInterval } from './key-frame-interval.ts';

describe('WHIP-6 how long a viewer may have to wait for a key frame', () => {
  it('is the longest of the last intervals of an encoder that can’t be asked', () => {
    const interval = new KeyFrameInterval();
    interval.arrived(0);
    expect(interval.ms).toBeUndefined();
    interval.arrived(8_333);
    expect(interval.ms).toBe(8_300);
    interval.arrived(8_340);
    interval.arrived(10_333);
    interval.arrived(12_333);
    expect(interval.ms).toBe(8_300);
    interval.arrived(14_333);
    expect(interval.ms).toBe(2_000);
  });

  it('counts for an encoder that ignores requests', () => {
    const interval = new KeyFrameInterval();
    for (let at = 0; at <= 25_000; at += 8_300) {
      interval.arrived(at);
      // Repeated until it is answered, as mediasoup does.
      interval.requested(at + 1_000);
      interval.requested(at + 2_000);
    }
    expect(interval.ms).toBe(8_300);
  });

  it('a key frame that comes soon after a request by chance changes nothing', () => {
    const interval = new KeyFrameInterval();
    for (const [at, requestedAt] of [
      [0, 1_000],
      [8_300, 16_000],
      [16_600, 17_000],
      [24_900, undefined],
    ] as const) {
      interval.arrived(at);
      if (requestedAt !== undefined) interval.requested(requestedAt);
    }
    expect(interval.ms).toBe(8_300);
  });

  it('a browser that sends key frames on request has none', () => {
    const interval = new KeyFrameInterval();
    for (const at of [0, 30_000, 90_000]) {
      interval.requested(at);
      interval.arrived(at + 80);
    }
    expect(interval.ms).toBeUndefined();
  });
});
