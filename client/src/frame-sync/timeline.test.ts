import { describe, expect, it, test } from 'vitest';
import { TICKS_PER_MS, TIMELINE, Timeline } from './timeline.ts';
import { distance, toUint32 } from './uint32.ts';

/** The same numbers every time. */
function noise(seed: number) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Scene {
  /** ms between frames, and how far each may be off. */
  readonly everyMs?: number;
  readonly jitterMs?: number;
  /** From the camera to the encoder's output, ms. */
  readonly encodeMs?: number;
  /** One of so many frames is not encoded. */
  readonly skip?: number;
  readonly offset?: number;
  readonly frames?: number;
}

/** Plays camera and encoder; returns [frame, what the timeline took it for] of each encoded frame. */
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
  const timeline = new Timeline(captured);
  const found: [number, number | undefined][] = [];
  const events = Array.from({ length: frames }, (_, number) => {
    const ms = 5000 + number * everyMs + random() * jitterMs;
    const camera = () => {
      captured.push({ ticks: toUint32(Math.round(ms * TICKS_PER_MS)), at: ms + 2, number });
      if (captured.length > TIMELINE.capturedMax) captured.shift();
    };
    const at = ms + encodeMs + random() * 5;
    const encoder = () => {
      // It counts whole ms.
      const rtpTimestamp = toUint32(Math.floor(ms) * TICKS_PER_MS + offset);
      found.push([number, timeline.encoded(rtpTimestamp, at)]);
    };
    const isEncoded = skip === 0 || number % skip !== 0;
    return [{ at: ms + 2, run: camera }, ...(isEncoded ? [{ at, run: encoder }] : [])];
  });
  for (const { run } of events.flat().sort((a, b) => a.at - b.at)) run();
  return found;
}

describe('Timeline', () => {
  test.each<[string, Scene]>([
    ['a camera that jitters', {}],
    ['a camera as regular as a clock', { jitterMs: 0 }],
    ['a camera at 60/s', { everyMs: 1000 / 60, encodeMs: 8 }],
    ['an encoder that leaves out every third frame', { skip: 3 }],
    ['a slow encoder behind a regular camera', { jitterMs: 0, encodeMs: 25 }],
    ['a slow encoder behind a camera that jitters', { encodeMs: 90 }],
    ['a timeline that begins anew meanwhile', { offset: 2 ** 32 - 5500 * TICKS_PER_MS }],
  ])('FRAME-3 finds the frame: %s', (_name, scene) => {
    const found = play(scene);
    const known = found.filter(([, number]) => number !== undefined);
    expect(known.filter(([frame, number]) => frame !== number)).toEqual([]);
    // A vote takes at most a second and a half.
    expect(known.length).toBeGreaterThan(found.length - TIMELINE.votesMax - 1);
    expect(found.slice(-20).every(([, number]) => number !== undefined)).toBe(true);
  });

  it('FRAME-3 knows a camera that jitters after a third of a second', () => {
    const found = play({});
    expect(found.findIndex(([, number]) => number !== undefined)).toBeLessThan(
      TIMELINE.votesMin + 5,
    );
  });

  it('FRAME-3 says nothing about a frame that nobody captured', () => {
    const captured = [{ ticks: 9000, at: 100, number: 0 }];
    const timeline = new Timeline(captured);
    for (let i = 0; i < 100; i += 1) {
      expect(timeline.encoded(toUint32(i * 977_777), 10_000 + i * 33)).toBeUndefined();
    }
  });

  it('FRAME-3 votes anew when the camera has another clock', () => {
    const captured: { ticks: number; at: number; number: number }[] = [];
    const timeline = new Timeline(captured);
    const random = noise(3);
    const lastOf = (from: number, clock: number, rtpOffset: number) => {
      let last: number | undefined;
      for (let i = 0; i < 60; i += 1) {
        const ms = from + i * 33 + random() * 4;
        captured.push({
          ticks: toUint32(Math.round((ms + clock) * TICKS_PER_MS)),
          at: ms,
          number: from + i,
        });
        if (captured.length > TIMELINE.capturedMax) captured.shift();
        last = timeline.encoded(toUint32(Math.floor(ms) * TICKS_PER_MS + rtpOffset), ms + 12);
      }
      return last;
    };
    expect(lastOf(1000, 0, 77_000)).toBe(1059);
    expect(lastOf(10_000, 123_456, 77_000)).toBe(10_059);
  });
});

describe('counters of 32 bits', () => {
  it('FRAME-4 go on after their end', () => {
    expect(distance(3, 2 ** 32 - 2)).toBe(5);
    expect(distance(2 ** 32 - 2, 3)).toBe(-5);
    expect(toUint32(2 ** 32 + 1)).toBe(1);
    expect(toUint32(-1)).toBe(2 ** 32 - 1);
  });
});
