/**
 * A camera whose pictures are known: four fields of colour and a white square that runs to and fro.
 * Written as a y4m file that Chromium plays as its camera.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const CAMERA = { width: 960, height: 540, fps: 30, frames: 60, square: 90 } as const;

/** Y, Cb, Cr of each quarter; well apart in every one of them. */
export const QUARTERS = {
  topLeft: { name: 'red', yuv: [76, 90, 200] },
  topRight: { name: 'green', yuv: [120, 70, 70] },
  bottomLeft: { name: 'blue', yuv: [60, 200, 110] },
  bottomRight: { name: 'dark', yuv: [40, 128, 128] },
} as const;

/** The left edge of the square in frame `i`, in pixels: to the right for half the loop, then back. */
function squareX(i: number): number {
  const { width, frames, square } = CAMERA;
  const margin = 90;
  const half = frames / 2;
  const way = i < half ? i / half : (frames - i) / half;
  return Math.round((margin + way * (width - 2 * margin - square)) / 2) * 2;
}

/** The file's path; made once per machine. */
export function cameraFile(): string {
  const { width, height, fps, frames, square } = CAMERA;
  const folder = join(tmpdir(), 'onecast-tests');
  const path = join(folder, `camera-v1-${width}x${height}-${frames}.y4m`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const file = openSync(partial, 'w');
  writeSync(file, `YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`);
  const top = (height - square) / 2;
  for (let i = 0; i < frames; i += 1) {
    const left = squareX(i);
    const sample = (plane: 0 | 1 | 2, x: number, y: number): number => {
      if (x >= left && x < left + square && y >= top && y < top + square) {
        return plane === 0 ? 235 : 128;
      }
      const isRight = x >= width / 2;
      const isLow = y >= height / 2;
      const quarter = isLow
        ? isRight
          ? QUARTERS.bottomRight
          : QUARTERS.bottomLeft
        : isRight
          ? QUARTERS.topRight
          : QUARTERS.topLeft;
      return quarter.yuv[plane];
    };
    const frame = Buffer.alloc((width * height * 3) / 2);
    let at = 0;
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) frame[at++] = sample(0, x, y);
    }
    for (const plane of [1, 2] as const) {
      for (let y = 0; y < height; y += 2) {
        for (let x = 0; x < width; x += 2) frame[at++] = sample(plane, x, y);
      }
    }
    writeSync(file, 'FRAME\n');
    writeSync(file, frame);
  }
  closeSync(file);
  renameSync(partial, path);
  return path;
}
