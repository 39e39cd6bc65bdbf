/**
 * A barcode that numbers video frames: 6 x 3 light and dark cells over half the frame's width and
 * height, so large that it survives any codec, simulcast layer and scaling. Tests and benches read
 * it from the decoded pixels and so need not trust the code under test.
 *
 *   light  n7 n6 n5 n4 n3      n: the number, 8 bits
 *   n2  n1 n0 c7 c6 c5         c: its check code, 8 bits
 *   c4  c3 c2 c1 c0 dark
 */

export const BARCODE = {
  columns: 6,
  rows: 3,
  /** Fractions of the frame's width and height. */
  left: 1 / 12,
  top: 1 / 12,
  cellWidth: 1 / 12,
  cellHeight: 1 / 6,
  /** Numbers run from 0 to `cycle - 1` and repeat: 6 s at 30 frames/s, far more than any error. */
  cycle: 180,
  light: 220,
  dark: 30,
} as const;

export interface Pixels {
  /** RGBA. */
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

// The next functions use only BARCODE and one another, because their source text runs in pages.

/** The cells for `number` in reading order; true is light. */
export function barcodeCells(number: number): boolean[] {
  let check = 0x5a;
  for (let bit = 7; bit >= 0; bit -= 1) {
    const carry = (check >> 7) ^ ((number >> bit) & 1);
    check = ((check << 1) & 0xff) ^ (carry ? 0x2f : 0);
  }
  const code = (number << 8) | check;
  const cells = [true];
  for (let bit = 15; bit >= 0; bit -= 1) cells.push(((code >> bit) & 1) === 1);
  cells.push(false);
  return cells;
}

/**
 * The number in a frame of any size. Undefined when it is not certain: no barcode, a barcode torn
 * between two frames, or cells that are neither light nor dark.
 */
export function readBarcode(pixels: Pixels): number | undefined {
  const { columns, rows, left, top, cellWidth, cellHeight, cycle } = BARCODE;
  const levels: number[] = [];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      // Only the middle half of the cell, because its edges are blurred.
      const fromX = Math.round((left + (column + 0.25) * cellWidth) * pixels.width);
      const toX = Math.round((left + (column + 0.75) * cellWidth) * pixels.width);
      const fromY = Math.round((top + (row + 0.25) * cellHeight) * pixels.height);
      const toY = Math.round((top + (row + 0.75) * cellHeight) * pixels.height);
      let sum = 0;
      let count = 0;
      for (let y = fromY; y < Math.max(toY, fromY + 1); y += 1) {
        for (let x = fromX; x < Math.max(toX, fromX + 1); x += 1) {
          sum += pixels.data[(y * pixels.width + x) * 4 + 1] ?? 0;
          count += 1;
        }
      }
      levels.push(sum / count);
    }
  }
  const light = levels[0] ?? 0;
  const dark = levels.at(-1) ?? 0;
  if (light - dark < 60) return undefined;
  let code = 0;
  for (const level of levels.slice(1, -1)) {
    const share = (level - dark) / (light - dark);
    if (share > 0.35 && share < 0.65) return undefined;
    code = (code << 1) | (share > 0.5 ? 1 : 0);
  }
  const number = code >> 8;
  let again = 0;
  for (const cell of barcodeCells(number).slice(1, -1)) again = (again << 1) | (cell ? 1 : 0);
  return number < cycle && again === code ? number : undefined;
}

/** By how many frames `number` is after `other`: from -cycle/2 to cycle/2. */
export function barcodeDistance(number: number, other: number): number {
  const { cycle } = BARCODE;
  const ahead = (((number - other) % cycle) + cycle) % cycle;
  return ahead >= cycle / 2 ? ahead - cycle : ahead;
}

/** Paints the barcode onto a canvas of any size. */
export function paintBarcode(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  number: number,
): void {
  const { width, height } = context.canvas;
  const { columns, left, top, cellWidth, cellHeight, light, dark } = BARCODE;
  barcodeCells(number).forEach((isLight, i) => {
    const level = isLight ? light : dark;
    context.fillStyle = `rgb(${level} ${level} ${level})`;
    context.fillRect(
      Math.round((left + (i % columns) * cellWidth) * width),
      Math.round((top + Math.floor(i / columns) * cellHeight) * height),
      Math.round(cellWidth * width),
      Math.round(cellHeight * height),
    );
  });
}

/** A script that defines `barcode` (see BarcodeInPage) in a page. */
export function barcodeScript(): string {
  return `globalThis.barcode = (() => {
    const BARCODE = ${JSON.stringify(BARCODE)};
    ${barcodeCells.toString()}
    ${readBarcode.toString()}
    ${paintBarcode.toString()}
    const small = new OffscreenCanvas(240, 136).getContext('2d', { willReadFrequently: true });
    return {
      cycle: BARCODE.cycle,
      read: readBarcode,
      paint: paintBarcode,
      readFrom(source) {
        small.drawImage(source, 0, 0, 240, 136);
        return readBarcode(small.getImageData(0, 0, 240, 136));
      },
    };
  })();`;
}

export interface BarcodeInPage {
  readonly cycle: number;
  readonly read: typeof readBarcode;
  readonly paint: typeof paintBarcode;
  /** Reads the barcode of a video, a VideoFrame or a canvas. */
  readFrom(source: CanvasImageSource): number | undefined;
}

declare global {
  /** Exists in pages that have run `barcodeScript`. */
  var barcode: BarcodeInPage;
}
