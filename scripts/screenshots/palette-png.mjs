// A PNG of 256 colours: a third of the size of a full one, and enough for a page.

import { crc32, deflateSync } from 'node:zlib';

/** Steps that colours are rounded to before they are counted: video noise would make each its own. */
const STEP = 4;
const MAX_COLORS = 256;

/** `rgba`: rows of pixels from the top, four bytes each, opaque. */
export function palettePng(rgba, width, height) {
  const keys = new Uint32Array(width * height);
  const seen = new Map();
  for (let i = 0; i < keys.length; i += 1) {
    const color = [rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2]];
    const [red, green, blue] = color.map((value) => Math.round(value / STEP));
    const key = (red << 16) | (green << 8) | blue;
    const known = seen.get(key);
    keys[i] = key;
    if (known) known.count += 1;
    // The first stands for all that round to the same: a flat colour stays what it is.
    else seen.set(key, { color, count: 1 });
  }
  const palette = [...seen.values()]
    .sort((a, b) => b.count - a.count)
    .slice(0, MAX_COLORS)
    .map(({ color }) => color);
  const indexOf = new Map([...seen].map(([key, { color }]) => [key, nearest(palette, color)]));

  const rows = Buffer.alloc((width + 1) * height);
  for (let i = 0; i < keys.length; i += 1) {
    // Each row begins with its filter: 0, none.
    rows[i + Math.floor(i / width) + 1] = indexOf.get(keys[i]);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a pixel, by palette.
  header.set([8, 3], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function nearest(palette, color) {
  const [red, green, blue] = color;
  let best = 0;
  let least = Infinity;
  for (const [index, candidate] of palette.entries()) {
    const [r, g, b] = candidate;
    const distance = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
