import { describe, expect, it } from 'vitest';
import { TICKS_PER_MS, TIMELINE, Timeline } from './timeline.ts';

/** Plays a camera of 30/s; of each frame: when the camera's side tells it and when the encoder's does. */
function play(
  frames: number,
  told: (i: number) => { readonly captured: number; readonly encoded: number },
  jitterMs: (i: number) => number = () => 0,
) {
  const captured: { ticks: number; at: number; number: number }[] = [];
  const timeline = new Timeline(captured);
  const found: { frame: number; number: number | undefined }[] = [];
  const events = Array.from({ length: frames }, (_, number) => {
    const ms =
      (number * 1000) / 30 + ((number * number * 31 + number * 17) % 13) * (jitterMs(number) / 12);
    const at = told(number);
    return [
      {
        at: ms + at.captured,
        run: () => {
          captured.push({ ticks: Math.round(ms * TICKS_PER_MS), at: ms + at.captured, number });
          if (captured.length > TIMELINE.capturedMax) captured.shift();
        },
      },
      {
        at: ms + at.encoded,
        run: () => {
          const rtpTimestamp = Math.floor(ms) * TICKS_PER_MS + 123_456;
          found.push({ frame: number, number: timeline.encoded(rtpTimestamp, ms + at.encoded) });
        },
      },
    ];
  });
  for (const { run } of events.flat().sort((a, b) => a.at - b.at)) run();
  return found;
}

const wrong = (found: readonly { frame: number; number: number | undefined }[]) =>
  found.filter(({ frame, number }) => number !== undefined && number !== frame);

describe('Timeline on a busy machine', () => {
  it('FRAME-3 is not misled where captured frames are told after their encoded ones', () => {
    const found = play(200, (i) => ({ captured: i % 3 === 0 ? 30 : 3, encoded: 16 }));
    expect(wrong(found)).toEqual([]);
    expect(found.slice(-50).filter(({ number }) => number !== undefined).length).toBeGreaterThan(
      30,
    );
  });

  it('FRAME-3 does not vote anew because they always are', () => {
    const late = (i: number) => ({ captured: i < 100 ? 3 : 30, encoded: 16 });
    expect(wrong(play(400, late))).toEqual([]);
  });

  it('FRAME-3 mends a wrong decision by the frames’ own times', () => {
    // A camera as regular as a clock, before an encoder so slow that the next frame seems likelier.
    const found = play(
      400,
      () => ({ captured: 3, encoded: 45 }),
      (i) => (i < 100 ? 0 : 3),
    );
    expect(wrong(found.slice(0, 100)).length).toBeGreaterThan(0);
    expect(wrong(found.slice(250))).toEqual([]);
    expect(found.slice(250).every(({ number }) => number !== undefined)).toBe(true);
  });
});
