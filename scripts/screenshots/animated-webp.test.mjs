import { expect, test } from 'vitest';
import { animatedWebp } from './animated-webp.mjs';

/** A still WebP with these bytes as its image data. */
function still(...bytes) {
  const padded = bytes.length + (bytes.length % 2);
  const webp = Buffer.alloc(20 + padded);
  webp.write('RIFF', 0, 'latin1');
  webp.writeUInt32LE(12 + padded, 4);
  webp.write('WEBPVP8 ', 8, 'latin1');
  webp.writeUInt32LE(bytes.length, 16);
  webp.set(bytes, 20);
  return webp;
}

function chunksOf(bytes, from) {
  const chunks = [];
  for (let at = from; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    chunks.push([bytes.toString('latin1', at, at + 4), bytes.subarray(at + 8, at + 8 + size)]);
    at += 8 + size + (size % 2);
  }
  return chunks;
}

test('frames are in order, each with its duration and image', () => {
  const webp = animatedWebp(
    [
      { webp: still(1, 2, 3), ms: 120 },
      { webp: still(4, 5), ms: 200 },
    ],
    800,
    450,
  );
  expect(webp.readUInt32LE(4)).toBe(webp.length - 8);
  const [head, animation, ...frames] = chunksOf(webp, 12);
  expect(head[0]).toBe('VP8X');
  expect([head[1].readUIntLE(4, 3), head[1].readUIntLE(7, 3)]).toEqual([799, 449]);
  expect(animation[0]).toBe('ANIM');
  expect(frames.map(([name, data]) => [name, data.readUIntLE(12, 3)])).toEqual([
    ['ANMF', 120],
    ['ANMF', 200],
  ]);
  expect(chunksOf(frames[0][1], 16)).toEqual([['VP8 ', Buffer.from([1, 2, 3])]]);
});
