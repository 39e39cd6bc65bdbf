/** Writes videos that Chromium plays as its camera: YUV4MPEG2, 4:2:0. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CameraSize {
  readonly width: number;
  readonly height: number;
}

/** Value of both chroma planes of a grey frame. */
const GREY = 128;

/** A grey frame whose luma is `level` everywhere: the luma plane, then both chroma planes. */
export function greyFrame({ width, height }: CameraSize, level: number): Buffer {
  const frame = Buffer.alloc((width * height * 3) / 2, GREY);
  frame.fill(level, 0, width * height);
  return frame;
}

/** Fills a rectangle of the frame's luma plane. */
export function fillLuma(
  frame: Buffer,
  { width: frameWidth }: CameraSize,
  rect: { left: number; top: number; width: number; height: number },
  level: number,
): void {
  const { left, top, width, height } = rect;
  for (let y = top; y < top + height; y += 1) {
    frame.fill(level, y * frameWidth + left, y * frameWidth + left + width);
  }
}

/**
 * Path of a file with these frames below the system's temporary folder. The file is made once per
 * machine: `name` must change whenever its content does.
 */
export function y4mFile(
  name: string,
  { width, height, fps }: CameraSize & { readonly fps: number },
  frames: () => Iterable<Uint8Array>,
): string {
  const folder = join(tmpdir(), 'onecast-tests');
  const path = join(folder, `${name}.y4m`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const file = openSync(partial, 'w');
  writeSync(file, `YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`);
  for (const frame of frames()) {
    writeSync(file, 'FRAME\n');
    writeSync(file, frame);
  }
  closeSync(file);
  renameSync(partial, path);
  return path;
}
