import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { palettePng } from './palette-png.mjs';

function chunksOf(png) {
  const chunks = {};
  for (let at = 8; at < png.length; ) {
    const size = png.readUInt32BE(at);
    chunks[png.toString('latin1', at + 4, at + 8)] = png.subarray(at + 8, at + 8 + size);
    at += 12 + size;
  }
  return chunks;
}

/** The pixels that a PNG of palettePng stands for, as lists of red, green and blue. */
function pixelsOf(png, width) {
  const { PLTE, IDAT } = chunksOf(png);
  return [...inflateSync(IDAT)]
    .filter((_, i) => i % (width + 1) !== 0)
    .map((index) => [...PLTE.subarray(3 * index, 3 * index + 3)]);
}

test('a picture of few colours keeps them as they are', () => {
  const colors = [
    [11, 12, 14],
    [255, 106, 77],
    [255, 106, 77],
    [238, 240, 242],
  ];
  const png = palettePng(
    colors.flatMap((color) => [...color, 255]),
    2,
    2,
  );
  expect(pixelsOf(png, 2)).toEqual(colors);
  const { IHDR } = chunksOf(png);
  expect([IHDR.readUInt32BE(0), IHDR.readUInt32BE(4)]).toEqual([2, 2]);
});

test('a picture of many colours gets the nearest of the 256 most frequent', () => {
  const colors = Array.from({ length: 4096 }, (_, i) => [(i % 64) * 4, Math.floor(i / 64) * 4, 0]);
  const often = Array.from({ length: 4096 }, () => [200, 100, 60]);
  const png = palettePng(
    [...colors, ...often].flatMap((color) => [...color, 255]),
    64,
    128,
  );
  expect(chunksOf(png).PLTE).toHaveLength(3 * 256);
  expect(pixelsOf(png, 64).slice(4096)).toEqual(often);
});
