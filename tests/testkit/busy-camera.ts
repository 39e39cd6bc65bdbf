/** A camera whose picture is hard to encode, so that every layer takes all that it is allowed. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WIDTH = 960;
const HEIGHT = 540;
const FRAMES = 45;
/** Rows of noise; frames show them shifted. */
const ROWS = 8;

/** The y4m file's path; made once per machine. */
export function busyCameraFile(): string {
  const folder = join(tmpdir(), 'onecast-tests');
  const path = join(folder, `busy-v1-${WIDTH}x${HEIGHT}.y4m`);
  if (existsSync(path)) return path;
  const random = generator(1);
  const rows = Array.from({ length: ROWS }, () =>
    Buffer.from(Array.from({ length: 2 * WIDTH }, () => 100 + (random() & 31))),
  );
  const parts: Uint8Array[] = [
    Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F30:1 Ip A1:1 C420jpeg\n`),
  ];
  for (let frame = 0; frame < FRAMES; frame += 1) {
    parts.push(Buffer.from('FRAME\n'));
    for (let y = 0; y < HEIGHT; y += 1) {
      const row = rows[(Math.floor(y / 12) + frame) % ROWS];
      const left = (frame * 7 + Math.floor(y / 3)) % WIDTH;
      if (row) parts.push(row.subarray(left, left + WIDTH));
    }
    parts.push(Buffer.alloc((WIDTH * HEIGHT) / 2, 128));
  }
  mkdirSync(folder, { recursive: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, Buffer.concat(parts));
  renameSync(partial, path);
  return path;
}

/** A linear congruence: the same noise on every machine. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 16;
  };
}
