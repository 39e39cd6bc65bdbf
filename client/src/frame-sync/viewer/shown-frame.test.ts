import { afterEach, describe, expect, it, vi } from 'vitest';
import { shownImage, shownRtpTimestamp } from './shown-frame.ts';

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
