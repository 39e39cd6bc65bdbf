import { describe, expect, it, test } from 'vitest';
import { MotionDetector, toGrey, type MotionBox } from './motion-detector.ts';

const width = 160;
const height = 90;

interface Square {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly grey?: number;
}

/** Deterministic noise in -1 to 1. */
function randomness(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x8000_0000 - 1;
  };
}

/** A frame with some texture, so that it has a background to compare with. */
function frameWith(squares: readonly Square[], noise: () => number = () => 0): Uint8Array {
  const frame = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      frame[y * width + x] = 70 + ((x >> 4) + (y >> 4)) * 2 + noise();
    }
  }
  for (const { x, y, size, grey = 210 } of squares) {
    for (let row = y; row < y + size; row += 1) {
      for (let column = x; column < x + size; column += 1) {
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        frame[row * width + column] = grey + noise();
      }
    }
  }
  return frame;
}

const inPixels = (box: MotionBox) => ({
  left: box.x * width,
  top: box.y * height,
  right: (box.x + box.width) * width,
  bottom: (box.y + box.height) * height,
});

function expectAround(box: MotionBox | undefined, square: Square, tolerance = 1): void {
  expect(box).toBeDefined();
  if (!box) return;
  const found = inPixels(box);
  const { x, y, size } = square;
  const off = [found.left - x, found.top - y, found.right - x - size, found.bottom - y - size];
  expect(Math.max(...off.map(Math.abs))).toBeLessThanOrEqual(tolerance);
}

describe('MotionDetector', () => {
  it('finds nothing in a still video', () => {
    const detector = new MotionDetector(width, height);
    for (let i = 0; i < 50; i += 1) {
      expect(detector.detect(frameWith([{ x: 40, y: 30, size: 20 }]))).toEqual([]);
    }
  });

  test.each([2, 5, 10, 20])('finds nothing in noise of +-%i grey levels', (level) => {
    const random = randomness(level);
    const detector = new MotionDetector(width, height);
    for (let i = 0; i < 60; i += 1) {
      const frame = frameWith([{ x: 40, y: 30, size: 20 }], () => random() * level);
      expect(detector.detect(frame)).toEqual([]);
    }
  });

  test.each([
    ['to the right', 2, 0],
    ['fast', 6, 2],
    ['slowly', 1, 0],
    ['upwards', 0, -1],
    ['to the left and down', -2, 1],
  ])('puts one box around a square that appears and moves %s', (_name, dx, dy) => {
    const detector = new MotionDetector(width, height);
    for (let i = 0; i < 5; i += 1) detector.detect(frameWith([]));
    for (let i = 0; i < 15; i += 1) {
      const square = { x: 70 + dx * i, y: 40 + dy * i, size: 14 };
      const boxes = detector.detect(frameWith([square]));
      if (i === 0 || square.x + 14 > width) continue;
      expect(boxes).toHaveLength(1);
      expectAround(boxes[0], square);
    }
  });

  it('places the box within two pixels despite noise', () => {
    const random = randomness(7);
    const noise = () => random() * 8;
    const detector = new MotionDetector(width, height);
    for (let i = 0; i < 5; i += 1) detector.detect(frameWith([], noise));
    for (let i = 0; i < 30; i += 1) {
      const square = { x: 20 + 3 * i, y: 40, size: 12 };
      const boxes = detector.detect(frameWith([square], noise));
      expect(boxes).toHaveLength(1);
      expectAround(boxes[0], square, 2);
    }
  });

  it('keeps no box where an object stood at the start', () => {
    const detector = new MotionDetector(width, height);
    for (let i = 0; i < 40; i += 1) {
      const square = { x: 20 + 2 * i, y: 40, size: 10 };
      const boxes = detector.detect(frameWith([square]));
      if (i < 20) continue;
      expect(boxes).toHaveLength(1);
      expectAround(boxes[0], square);
    }
  });

  // An analysis that sees few frames: the object is somewhere else in each of them.
  test.each([
    ['its own width', 14],
    ['two thirds of its width', 9],
    ['a little more than its width', 16],
    ['twice its width', 28],
    ['half the frame', 70],
  ])('puts one box around a square that jumps by %s, from the second frame on', (_name, step) => {
    const random = randomness(step);
    const noise = () => random() * 4;
    const detector = new MotionDetector(width, height);
    let x = 4;
    let direction = 1;
    for (let i = 0; i < 40; i += 1) {
      const square = { x, y: 30, size: 14 };
      const boxes = detector.detect(frameWith([square], noise));
      for (const box of boxes.map(inPixels)) {
        expect(box.right - box.left).toBeLessThanOrEqual(18);
      }
      if (x + direction * step < 0 || x + direction * step + 14 > width) direction *= -1;
      x += direction * step;
      // What is left of its first place is behind it after two jumps.
      if (i < 3) continue;
      expect([i, boxes.length]).toEqual([i, 1]);
      expectAround(boxes[0], square, 2);
    }
  });

  it('puts one box around a dark and bright object that jumps over a textured background', () => {
    const detector = new MotionDetector(width, height);
    for (let i = 0; i < 20; i += 1) {
      const x = 6 + ((i * 34) % 130);
      const boxes = detector.detect(
        frameWith([
          { x, y: 30, size: 14, grey: 220 },
          { x: x + 3, y: 33, size: 8, grey: 10 },
        ]),
      );
      if (i < 3) continue;
      expect(boxes).toHaveLength(1);
      expectAround(boxes[0], { x, y: 30, size: 14 }, 2);
    }
  });

  it('finds two squares as two boxes, the larger first', () => {
    const detector = new MotionDetector(width, height);
    detector.detect(frameWith([]));
    for (let i = 0; i < 12; i += 1) {
      const small = { x: 20 + 2 * i, y: 10, size: 10 };
      const large = { x: 100 - 2 * i, y: 60, size: 16, grey: 10 };
      const boxes = detector.detect(frameWith([small, large]));
      if (i === 0) continue;
      expect(boxes).toHaveLength(2);
      expectAround(boxes[0], large);
      expectAround(boxes[1], small);
    }
  });

  it('merges boxes that nearly touch', () => {
    const detector = new MotionDetector(width, height);
    detector.detect(frameWith([]));
    for (let i = 0; i < 5; i += 1) {
      const boxes = detector.detect(
        frameWith([
          { x: 40 + i, y: 30, size: 12 },
          { x: 55 + i, y: 30, size: 12 },
        ]),
      );
      if (i === 0) continue;
      expect(boxes).toHaveLength(1);
      expect(inPixels(boxes[0] as MotionBox)).toEqual({
        left: 40 + i,
        top: 30,
        right: 67 + i,
        bottom: 42,
      });
    }
  });

  it('drops an object that stops, and finds it again when it moves on', () => {
    const detector = new MotionDetector(width, height);
    detector.detect(frameWith([]));
    for (let i = 0; i < 10; i += 1)
      detector.detect(frameWith([{ x: 20 + 2 * i, y: 40, size: 12 }]));
    const parked = frameWith([{ x: 40, y: 40, size: 12 }]);
    for (let i = 0; i < 5; i += 1) detector.detect(parked);
    for (let i = 0; i < 60; i += 1) expect(detector.detect(parked)).toEqual([]);
    for (let i = 1; i < 25; i += 1) {
      const square = { x: 40 + 2 * i, y: 40, size: 12 };
      const boxes = detector.detect(frameWith([square]));
      expect(boxes.length).toBeGreaterThan(0);
      if (i > 15) expectAround(boxes[0], square);
    }
  });

  it('finds nothing when the light changes', () => {
    const detector = new MotionDetector(width, height);
    for (let i = 0; i < 5; i += 1) detector.detect(frameWith([]));
    for (let i = 0; i < 5; i += 1) {
      expect(detector.detect(frameWith([], () => 60))).toEqual([]);
    }
  });

  it('ignores specks', () => {
    const detector = new MotionDetector(width, height);
    detector.detect(frameWith([]));
    for (let i = 0; i < 10; i += 1) {
      expect(detector.detect(frameWith([{ x: 20 + 3 * i, y: 40, size: 2 }]))).toEqual([]);
    }
  });

  it('limits the number of boxes and keeps them inside the frame', () => {
    const random = randomness(3);
    const detector = new MotionDetector(width, height);
    detector.detect(frameWith([]));
    for (let i = 0; i < 20; i += 1) {
      const squares = Array.from({ length: 40 }, () => ({
        x: Math.round(80 + random() * 85),
        y: Math.round(45 + random() * 50),
        size: 6,
      }));
      const boxes = detector.detect(frameWith(squares));
      expect(boxes.length).toBeLessThanOrEqual(20);
      for (const box of boxes) {
        expect(box.x).toBeGreaterThanOrEqual(0);
        expect(box.y).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width).toBeLessThanOrEqual(1);
        expect(box.y + box.height).toBeLessThanOrEqual(1);
      }
    }
  });

  it('refuses a frame of another size', () => {
    expect(() => new MotionDetector(10, 10).detect(new Uint8Array(99))).toThrow(RangeError);
  });
});

describe('toGrey', () => {
  it('weights the colours by BT.601', () => {
    const grey = new Uint8Array(5);
    toGrey(
      new Uint8ClampedArray(
        [
          [255, 255, 255, 255],
          [0, 0, 0, 255],
          [255, 0, 0, 255],
          [0, 255, 0, 255],
          [0, 0, 255, 255],
        ].flat(),
      ),
      grey,
    );
    expect([...grey]).toEqual([255, 0, 76, 149, 28]);
  });
});
