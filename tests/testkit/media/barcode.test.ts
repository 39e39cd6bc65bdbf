import { describe, expect, it } from 'vitest';
import { BARCODE, barcodeCells, barcodeDistance, type Pixels, readBarcode } from './barcode.ts';

/** A grey frame with the barcode; `alter` changes each pixel. */
function frame(
  number: number,
  width: number,
  height: number,
  alter: (level: number, x: number, y: number) => number = (level) => level,
): Pixels {
  const cells = barcodeCells(number);
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const column = Math.floor((x / width - BARCODE.left) / BARCODE.cellWidth);
      const row = Math.floor((y / height - BARCODE.top) / BARCODE.cellHeight);
      const inside = column >= 0 && column < BARCODE.columns && row >= 0 && row < BARCODE.rows;
      const isLight = cells[row * BARCODE.columns + column];
      const level = inside ? (isLight ? BARCODE.light : BARCODE.dark) : 128;
      data.fill(alter(level, x, y), (y * width + x) * 4, (y * width + x) * 4 + 4);
    }
  }
  return { data, width, height };
}

/** A pseudo-random number from 0 to 1, the same for the same seed. */
function noise(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43_758.5453;
  return value - Math.floor(value);
}

const all = Array.from({ length: BARCODE.cycle }, (_, number) => number);
/** A sample, for tests in which every number would take too long. */
const some = all.filter((number) => number % 17 === 0);

describe('the barcode of the test cameras', () => {
  it('is read back for every number', () => {
    expect(all.map((number) => readBarcode(frame(number, 120, 68)))).toEqual(all);
  });

  it.each([
    [960, 540],
    [480, 270],
    [240, 135],
    [60, 34],
  ])('is read back at %d x %d', (width, height) => {
    expect(some.map((number) => readBarcode(frame(number, width, height)))).toEqual(some);
  });

  it('is read despite strong noise and low contrast', () => {
    const noisy = (level: number, x: number, y: number) =>
      110 + (level - 128) / 2 + (noise(x + y * 997) - 0.5) * 120;
    const read = some.map((number) => readBarcode(frame(number, 240, 135, noisy)));
    expect(read).toEqual(some);
  });

  it('is never misread when it is torn between two frames', () => {
    let wrong = 0;
    for (const number of all) {
      const next = frame((number + 1) % BARCODE.cycle, 60, 34);
      for (const line of [11, 14, 17]) {
        const torn = frame(number, 60, 34, (level, x, y) =>
          y < line ? level : (next.data[(y * 60 + x) * 4] ?? 0),
        );
        const read = readBarcode(torn);
        if (read !== undefined && read !== number && read !== (number + 1) % BARCODE.cycle) {
          wrong += 1;
        }
      }
    }
    expect(wrong).toBe(0);
  });

  it('is not read when two frames are blended in equal parts', () => {
    const read = all.map((number) => {
      const next = frame((number + 1) % BARCODE.cycle, 60, 34);
      const blended = frame(
        number,
        60,
        34,
        (level, x, y) => (level + (next.data[(y * 60 + x) * 4] ?? 0)) / 2,
      );
      return readBarcode(blended);
    });
    expect(read.filter((number) => number !== undefined)).toEqual([]);
  });

  it('is not found in a frame without a barcode', () => {
    expect(readBarcode(frame(7, 240, 135, () => 128))).toBeUndefined();
    const random = frame(7, 240, 135, (_, x, y) => noise(x * 31 + y * 977) * 255);
    expect(readBarcode(random)).toBeUndefined();
  });

  it('measures the distance of two numbers, also across the end of the cycle', () => {
    expect(barcodeDistance(5, 3)).toBe(2);
    expect(barcodeDistance(3, 5)).toBe(-2);
    expect(barcodeDistance(1, BARCODE.cycle - 1)).toBe(2);
    expect(barcodeDistance(BARCODE.cycle - 1, 1)).toBe(-2);
    expect(barcodeDistance(9, 9)).toBe(0);
  });
});
