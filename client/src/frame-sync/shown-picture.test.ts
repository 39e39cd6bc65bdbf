import { afterEach, describe, expect, it, vi } from 'vitest';
import { shownPicture, shownRtpTimestamp } from './shown-picture.ts';

/** A video whose picture says that it is of `timestamp`, µs; counts how often it is taken. */
function videoWith(timestamp: number) {
  let taken = 0;
  vi.stubGlobal(
    'VideoFrame',
    class {
      timestamp = timestamp;
      constructor() {
        taken += 1;
      }
    },
  );
  return { video: {} as HTMLVideoElement, taken: () => taken };
}

describe('the picture that a video shows', () => {
  afterEach(() => vi.unstubAllGlobals());

  const known = { near: (rtpTimestamp: number) => rtpTimestamp };
  const nothingKnown = { near: () => undefined };

  it('FRAME-1 names its frame where the page is told of an earlier one', () => {
    const { video } = videoWith(2_033_000);
    const told = { rtpTimestamp: 90_000, mediaTime: 2 };
    const picture = shownPicture(video, told);
    expect(shownRtpTimestamp(picture, told, known)).toBe(90_000 + 33 * 90);
    expect(shownRtpTimestamp(picture, told, nothingKnown)).toBe(90_000);
  });

  it('FRAME-1 is not asked in a browser that has no time for frames: it could only mislead, and costs ms', () => {
    const { video, taken } = videoWith(500_000);
    const told = { rtpTimestamp: 90_000, mediaTime: 0 };
    const picture = shownPicture(video, told);
    expect(taken()).toBe(0);
    expect(shownRtpTimestamp(picture, told, known)).toBe(90_000);
  });
});
