import { afterEach, describe, expect, it, vi } from 'vitest';
import { CaptureClock, shownImage, shownRtpTimestamp } from './shown-frame.ts';

/** A video whose image has `timestamp`, µs; counts how often the image is copied. */
function videoWith(timestamp: number) {
  let copies = 0;
  vi.stubGlobal(
    'VideoFrame',
    class {
      timestamp = timestamp;
      constructor() {
        copies += 1;
      }
    },
  );
  return { video: {} as HTMLVideoElement, copies: () => copies };
}

describe('the frame that a video shows', () => {
  afterEach(() => vi.unstubAllGlobals());

  const known = { nearest: (rtpTimestamp: number) => rtpTimestamp };
  const nothingKnown = { nearest: () => undefined };

  it('FRAME-1 is identified by its image where the callback is of an earlier frame', () => {
    const { video } = videoWith(2_033_000);
    const metadata = { rtpTimestamp: 90_000, mediaTime: 2 };
    const image = shownImage(video, metadata);
    expect(shownRtpTimestamp(image, metadata, known)).toBe(90_000 + 33 * 90);
    expect(shownRtpTimestamp(image, metadata, nothingKnown)).toBe(90_000);
  });

  it('FRAME-1 is not copied in a browser without media times: the copy could only mislead, and takes some ms', () => {
    const { video, copies } = videoWith(500_000);
    const metadata = { rtpTimestamp: 90_000, mediaTime: 0 };
    const image = shownImage(video, metadata);
    expect(copies()).toBe(0);
    expect(shownRtpTimestamp(image, metadata, known)).toBe(90_000);
  });
});

const EPOCH = 1_800_000_000_000;

describe('CaptureClock', () => {
  it('FRAME-8 uses the fastest message', () => {
    const clock = new CaptureClock();
    for (const [at, travelMs] of [
      [0, 80],
      [33, 41],
      [66, 120],
    ] as const) {
      clock.messageArrived(EPOCH + at, at + travelMs);
    }
    expect(clock.capturedAt(500)).toBe(EPOCH + 500 - 41);
  });

  it('FRAME-8 gives no time before the first message, nor for a frame without a receive time', () => {
    const clock = new CaptureClock();
    expect(clock.capturedAt(500)).toBeUndefined();
    clock.messageArrived(EPOCH, 40);
    expect(clock.capturedAt(undefined)).toBeUndefined();
    clock.reset();
    expect(clock.capturedAt(500)).toBeUndefined();
  });

  it('FRAME-11 ignores a message that seems to come from the future, and follows a clock that was set', () => {
    const clock = new CaptureClock();
    const arrive = (at: number, aheadMs: number) =>
      clock.messageArrived(EPOCH + at + aheadMs, at + 40);
    for (let at = 0; at < 500; at += 100) arrive(at, 0);
    arrive(500, 3_600_000);
    expect(clock.capturedAt(600)).toBe(EPOCH + 600 - 40);
    for (let at = 600; at < 1_600; at += 100) arrive(at, 60_000);
    expect(clock.capturedAt(1_600)).toBe(EPOCH + 60_000 + 1_600 - 40);
  });

  it('FRAME-8 forgets a travel time that has become longer', () => {
    const clock = new CaptureClock();
    for (let at = 0; at < 60_000; at += 100)
      clock.messageArrived(EPOCH + at, at + (at < 20_000 ? 30 : 90));
    expect(clock.capturedAt(60_000)).toBe(EPOCH + 60_000 - 90);
  });
});
