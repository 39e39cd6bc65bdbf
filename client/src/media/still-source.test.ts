import { describe, expect, it } from 'vitest';
import { beginStill, sentSampleOf, STILL, stepStill } from './still-source.ts';

/**
 * Looks every `everyMs` at a source with these frames, and counts a repeated frame as the browser does.
 * Returns the times of the repeats, ms.
 */
function repeats(
  frameAt: readonly number[],
  { until = 3_000, everyMs = 200, askedAt = [] as readonly number[] } = {},
): number[] {
  const repeated: number[] = [];
  const sampleAt = (now: number) => ({
    now,
    frames: frameAt.filter((at) => at <= now).length + repeated.length,
    keyFrameRequests: askedAt.filter((at) => at <= now).length,
  });
  let state = beginStill(sampleAt(0));
  for (let now = everyMs; now <= until; now += everyMs) {
    const stepped = stepStill(state, sampleAt(now));
    state = stepped.state;
    if (stepped.repeat) repeated.push(now);
  }
  return repeated;
}

const every = (ms: number, until: number) =>
  Array.from({ length: Math.floor(until / ms) }, (_, i) => i * ms);

describe('SRC-7 a source that is still', () => {
  it('is repeated before viewers notice, and at least once a second from then on', () => {
    const times = repeats(every(33, 1_000));
    expect((times[0] ?? Infinity) - 990).toBeLessThan(800);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(800);
    expect(times.length).toBeGreaterThanOrEqual(2);
  });

  it.each([33, 66, 200, 400])('is not one that gives a frame every %i ms', (ms) => {
    expect(repeats(every(ms, 4_000))).toEqual([]);
  });

  it('is repeated at once when a key frame is requested', () => {
    const asked = repeats([0], { askedAt: [210], until: 400 });
    expect(asked).toEqual([400]);
  });

  it('answers many requests with one frame each time it is looked at', () => {
    const askedAt = every(10, 3_000);
    expect(repeats([0], { askedAt }).length).toBeLessThanOrEqual(3_000 / 200);
  });

  it('does not repeat frames of a running camera when a key frame is requested', () => {
    expect(repeats(every(33, 3_000), { askedAt: every(300, 3_000) })).toEqual([]);
  });

  it('is repeated again after each pause', () => {
    const times = repeats([...every(33, 1_000), ...every(33, 1_000).map((at) => at + 4_000)], {
      until: 6_000,
    });
    expect(times.some((at) => at < 4_000)).toBe(true);
    expect(times.some((at) => at > 5_000)).toBe(true);
    expect(times.some((at) => at > 4_300 && at < 5_000)).toBe(false);
  });

  it('is known from the sender’s report, whatever that lacks', () => {
    const report = new Map<string, object>([
      ['s', { type: 'media-source', frames: 12 }],
      ['a', { type: 'outbound-rtp', pliCount: 2, firCount: 1 }],
      ['b', { type: 'outbound-rtp', pliCount: 'many' }],
      ['c', { type: 'candidate-pair', pliCount: 9 }],
    ]);
    expect(sentSampleOf(report as unknown as RTCStatsReport, 5)).toEqual({
      now: 5,
      frames: 12,
      keyFrameRequests: 3,
    });
    expect(STILL.repeatMs).toBeLessThan(800);
  });
});
