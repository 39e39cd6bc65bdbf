import { describe, expect, it, test } from 'vitest';
import { distance, TICKS_PER_MS, toUint32 } from '../rtp-time.ts';
import { LAYER_CLOCK, LayerClock } from './layer-clock.ts';

/** Random numbers, the same in every run. */
function noise(seed: number) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Scene {
  /** ms between frames, and the most by which each may deviate. */
  readonly everyMs?: number;
  readonly jitterMs?: number;
  /** Time from the camera to the encoder's output, ms. */
  readonly encodeMs?: number;
  /** Every frame with a multiple of this number is not encoded. */
  readonly skip?: number;
  readonly offset?: number;
  readonly frames?: number;
}

/** Plays camera and encoder; returns [frame, the number that the clock found] of each encoded frame. */
function play({
  everyMs = 1000 / 30,
  jitterMs = 3,
  encodeMs = 20,
  skip = 0,
  offset = 4_000_000_000,
  frames = 120,
}: Scene): [number, number | undefined][] {
  const random = noise(7);
  const captured: { ticks: number; at: number; number: number }[] = [];
  const clock = new LayerClock(captured);
  const found: [number, number | undefined][] = [];
  const events = Array.from({ length: frames }, (_, number) => {
    const ms = 5000 + number * everyMs + random() * jitterMs;
    const camera = () => {
      captured.push({ ticks: toUint32(Math.round(ms * TICKS_PER_MS)), at: ms + 2, number });
      if (captured.length > LAYER_CLOCK.framesMax) captured.shift();
    };
    const at = ms + encodeMs + random() * 5;
    const encoder = () => {
      // The encoder counts whole ms.
      const rtpTimestamp = toUint32(Math.floor(ms) * TICKS_PER_MS + offset);
      found.push([number, clock.numberOf(rtpTimestamp, at)]);
    };
    const isEncoded = skip === 0 || number % skip !== 0;
    return [{ at: ms + 2, run: camera }, ...(isEncoded ? [{ at, run: encoder }] : [])];
  });
  for (const { run } of events.flat().sort((a, b) => a.at - b.at)) run();
  return found;
}

describe('LayerClock', () => {
  test.each<[string, Scene]>([
    ['a camera that jitters', {}],
    ['a camera as regular as a clock', { jitterMs: 0 }],
    ['a camera at 60/s', { everyMs: 1000 / 60, encodeMs: 8 }],
    ['an encoder that leaves out every third frame', { skip: 3 }],
    ['a slow encoder behind a regular camera', { jitterMs: 0, encodeMs: 25 }],
    ['a slow encoder behind a camera that jitters', { encodeMs: 90 }],
    ['an RTP clock that wraps in the meantime', { offset: 2 ** 32 - 5500 * TICKS_PER_MS }],
  ])('FRAME-3 finds the frame: %s', (_name, scene) => {
    const found = play(scene);
    const known = found.filter(([, number]) => number !== undefined);
    expect(known.filter(([frame, number]) => frame !== number)).toEqual([]);
    // A vote takes at most a second and a half.
    expect(known.length).toBeGreaterThan(found.length - LAYER_CLOCK.votesMax - 1);
    expect(found.slice(-20).every(([, number]) => number !== undefined)).toBe(true);
  });

  it('FRAME-3 decides after a third of a second where the camera jitters', () => {
    const found = play({});
    expect(found.findIndex(([, number]) => number !== undefined)).toBeLessThan(
      LAYER_CLOCK.votesMin + 5,
    );
  });

  it('FRAME-3 finds nothing for a frame that was not captured', () => {
    const captured = [{ ticks: 9000, at: 100, number: 0 }];
    const clock = new LayerClock(captured);
    for (let i = 0; i < 100; i += 1) {
      expect(clock.numberOf(toUint32(i * 977_777), 10_000 + i * 33)).toBeUndefined();
    }
  });

  it('FRAME-3 votes again when the camera has another clock', () => {
    const captured: { ticks: number; at: number; number: number }[] = [];
    const clock = new LayerClock(captured);
    const random = noise(3);
    const lastOf = (from: number, cameraOffset: number, rtpOffset: number) => {
      let last: number | undefined;
      for (let i = 0; i < 60; i += 1) {
        const ms = from + i * 33 + random() * 4;
        captured.push({
          ticks: toUint32(Math.round((ms + cameraOffset) * TICKS_PER_MS)),
          at: ms,
          number: from + i,
        });
        if (captured.length > LAYER_CLOCK.framesMax) captured.shift();
        last = clock.numberOf(toUint32(Math.floor(ms) * TICKS_PER_MS + rtpOffset), ms + 12);
      }
      return last;
    };
    expect(lastOf(1000, 0, 77_000)).toBe(1059);
    expect(lastOf(10_000, 123_456, 77_000)).toBe(10_059);
  });
});

describe('32-bit counters', () => {
  it('FRAME-4 go on after they wrap', () => {
    expect(distance(3, 2 ** 32 - 2)).toBe(5);
    expect(distance(2 ** 32 - 2, 3)).toBe(-5);
    expect(toUint32(2 ** 32 + 1)).toBe(1);
    expect(toUint32(-1)).toBe(2 ** 32 - 1);
  });
});

/** Plays a camera at 30/s; `reported` gives for each frame how long after its capture either side reports it. */
function playBusy(
  frames: number,
  reported: (i: number) => { readonly captured: number; readonly encoded: number },
  jitterMs: (i: number) => number = () => 0,
) {
  const captured: { ticks: number; at: number; number: number }[] = [];
  const clock = new LayerClock(captured);
  const found: { frame: number; number: number | undefined }[] = [];
  const events = Array.from({ length: frames }, (_, number) => {
    const ms =
      (number * 1000) / 30 + ((number * number * 31 + number * 17) % 13) * (jitterMs(number) / 12);
    const at = reported(number);
    return [
      {
        at: ms + at.captured,
        run: () => {
          captured.push({ ticks: Math.round(ms * TICKS_PER_MS), at: ms + at.captured, number });
          if (captured.length > LAYER_CLOCK.framesMax) captured.shift();
        },
      },
      {
        at: ms + at.encoded,
        run: () => {
          const rtpTimestamp = Math.floor(ms) * TICKS_PER_MS + 123_456;
          found.push({ frame: number, number: clock.numberOf(rtpTimestamp, ms + at.encoded) });
        },
      },
    ];
  });
  for (const { run } of events.flat().sort((a, b) => a.at - b.at)) run();
  return found;
}

const wrong = (found: readonly { frame: number; number: number | undefined }[]) =>
  found.filter(({ frame, number }) => number !== undefined && number !== frame);

describe('LayerClock on a busy machine', () => {
  it('FRAME-3 makes no mistake where captured frames are reported after their encoded ones', () => {
    const found = playBusy(200, (i) => ({ captured: i % 3 === 0 ? 30 : 3, encoded: 16 }));
    expect(wrong(found)).toEqual([]);
    expect(found.slice(-50).filter(({ number }) => number !== undefined).length).toBeGreaterThan(
      30,
    );
  });

  it('FRAME-3 does not vote again when captured frames become late and stay late', () => {
    const late = (i: number) => ({ captured: i < 100 ? 3 : 30, encoded: 16 });
    expect(wrong(playBusy(400, late))).toEqual([]);
  });

  it('FRAME-3 corrects a wrong decision by the frames’ own times', () => {
    // A perfectly regular camera, and an encoder so slow that the next frame seems more likely.
    const found = playBusy(
      400,
      () => ({ captured: 3, encoded: 45 }),
      (i) => (i < 100 ? 0 : 3),
    );
    expect(wrong(found.slice(0, 100)).length).toBeGreaterThan(0);
    expect(wrong(found.slice(250))).toEqual([]);
    expect(found.slice(250).every(({ number }) => number !== undefined)).toBe(true);
  });
});
