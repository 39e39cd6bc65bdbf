import { describe, expect, it } from 'vitest';
import { CaptureClock } from './capture-clock.ts';

const EPOCH = 1_800_000_000_000;

describe('CaptureClock', () => {
  it('FRAME-8 goes by the quickest message', () => {
    const clock = new CaptureClock();
    for (const [at, way] of [
      [0, 80],
      [33, 41],
      [66, 120],
    ] as const) {
      clock.message(EPOCH + at, at + way);
    }
    expect(clock.capturedAt(500)).toBe(EPOCH + 500 - 41);
  });

  it('FRAME-8 knows nothing before the first message, nor of a frame without a time', () => {
    const clock = new CaptureClock();
    expect(clock.capturedAt(500)).toBeUndefined();
    clock.message(EPOCH, 40);
    expect(clock.capturedAt(undefined)).toBeUndefined();
    clock.reset();
    expect(clock.capturedAt(500)).toBeUndefined();
  });

  it('FRAME-8 forgets a way that has grown longer since', () => {
    const clock = new CaptureClock();
    for (let at = 0; at < 60_000; at += 100)
      clock.message(EPOCH + at, at + (at < 20_000 ? 30 : 90));
    expect(clock.capturedAt(60_000)).toBe(EPOCH + 60_000 - 90);
  });
});
