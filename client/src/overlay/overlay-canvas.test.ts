import { describe, expect, it, test } from 'vitest';
import { containedArea } from './overlay-canvas.ts';

describe('containedArea', () => {
  test.each([
    // element, video, x, y, width, height
    ['same shape', [640, 360], [1280, 720], [0, 0, 640, 360]],
    ['same shape, video enlarged', [1920, 1080], [640, 360], [0, 0, 1920, 1080]],
    ['element wider: bars at the sides', [1000, 360], [1280, 720], [180, 0, 640, 360]],
    ['element higher: bars above and below', [640, 800], [1280, 720], [0, 220, 640, 360]],
    ['4:3 in 16:9', [1600, 900], [640, 480], [200, 0, 1200, 900]],
    ['portrait video in a landscape element', [1600, 900], [720, 1280], [546.875, 0, 506.25, 900]],
    ['landscape video in a phone held upright', [360, 740], [1920, 1080], [0, 268.75, 360, 202.5]],
    ['square in square', [300, 300], [480, 480], [0, 0, 300, 300]],
    ['element of fractional size', [300.5, 200], [2, 1], [0, 24.875, 300.5, 150.25]],
  ] as const)('%s', (_name, [width, height], [w, h], [x, y, rw, rh]) => {
    const area = containedArea({ width, height }, { width: w, height: h });
    expect(area?.x).toBeCloseTo(x, 6);
    expect(area?.y).toBeCloseTo(y, 6);
    expect(area?.width).toBeCloseTo(rw, 6);
    expect(area?.height).toBeCloseTo(rh, 6);
  });

  it('is undefined while a side has no extent', () => {
    const some = { width: 10, height: 10 };
    for (const none of [
      { width: 0, height: 10 },
      { width: 10, height: 0 },
      { width: Number.NaN, height: 10 },
      { width: -1, height: 10 },
    ]) {
      expect(containedArea(none, some)).toBeUndefined();
      expect(containedArea(some, none)).toBeUndefined();
    }
  });
});
