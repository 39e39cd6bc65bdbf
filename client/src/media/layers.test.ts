import { describe, expect, it, test } from 'vitest';
import { encodingsFor, LAYERS, type LayerWatch, stepLayers } from './layers.ts';

test.each<[number, number, number, number]>([
  [1920, 1080, 3, 2_200_000],
  [960, 540, 3, 2_200_000],
  [540, 960, 3, 2_200_000],
  [640, 360, 2, 900_000],
  [1920, 200, 2, 900_000],
  [400, 250, 1, 500_000],
  [1, 1, 1, 500_000],
  [0, 0, 1, 500_000],
])('MEDIA-2 a video of %ix%i has %i layers, the top one with %i bit/s', (w, h, count, top) => {
  const encodings = encodingsFor(w, h);
  expect(encodings).toHaveLength(count);
  expect(encodings.at(-1)?.maxBitrate).toBe(top);
  expect(encodings.at(-1)?.scaleResolutionDownBy ?? 1).toBe(1);
});

describe('SRC-6 the layers follow the size of the source', () => {
  const made: LayerWatch = { layers: 1, madeAt: 0, otherSince: undefined };
  /** Looks every 200 ms at a source with this size at each time; returns when new layers were due, ms. */
  const dueAt = (sizeAt: (now: number) => [number, number], until: number): number[] => {
    let watch = made;
    const due: number[] = [];
    for (let now = 0; now <= until; now += 200) {
      const [width, height] = sizeAt(now);
      const stepped = stepLayers(watch, { width, height }, now);
      watch = stepped.watch;
      if (!stepped.due) continue;
      due.push(now);
      watch = { layers: encodingsFor(width, height).length, madeAt: now, otherSince: undefined };
    }
    return due;
  };

  it.each<[string, [number, number], [number, number]]>([
    ['small to large', [400, 250], [1920, 1080]],
    ['to a middle size', [400, 250], [640, 360]],
    ['turned upright', [100, 100], [1080, 1920]],
  ])('%s: once, within 1 s', (_, from, to) => {
    const [at, ...more] = dueAt((now) => (now < 10_000 ? from : to), 30_000);
    expect((at ?? Infinity) - 10_000).toBeLessThanOrEqual(1_000);
    expect(more).toEqual([]);
  });

  it('a window that is being resized changes its layers rarely, and ends with the right ones', () => {
    const due = dueAt((now) => [100 + (now % 5_000), 600], 60_000);
    for (const [i, at] of due.entries()) {
      expect(at - (due[i - 1] ?? -Infinity)).toBeGreaterThanOrEqual(LAYERS.betweenMs);
    }
    const rare = dueAt((now) => (now % 400 === 0 ? [400, 250] : [1920, 1080]), 60_000);
    expect(rare).toEqual([]);
  });

  it('an unknown size, and another size for the same layers, change nothing', () => {
    expect(dueAt((now) => (now < 5_000 ? [0, 0] : [320, 180]), 20_000)).toEqual([]);
  });
});
