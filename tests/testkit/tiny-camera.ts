/** A camera so small that many viewers can decode it at once: a bright bar that wanders. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const TINY = { width: 160, height: 90, fps: 5 } as const;
const FRAMES = 40;

/** The y4m file's path; made once per machine. */
export function tinyCameraFile(): string {
  const { width, height, fps } = TINY;
  const folder = join(tmpdir(), 'onecast-tests');
  const path = join(folder, `tiny-v1-${width}x${height}-${fps}.y4m`);
  if (existsSync(path)) return path;
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`)];
  for (let i = 0; i < FRAMES; i += 1) {
    const luma = Buffer.alloc(width * height, 60);
    const left = i * 3;
    for (let y = 30; y < 60; y += 1) luma.fill(220, y * width + left, y * width + left + 30);
    parts.push(Buffer.from('FRAME\n'), luma, Buffer.alloc((width * height) / 2, 128));
  }
  mkdirSync(folder, { recursive: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, Buffer.concat(parts));
  renameSync(partial, path);
  return path;
}
