/** Cameras as y4m files: one whose colours are known, a tiny one, and one that is hard to encode. */
import { fillLuma, greyFrame, y4mFile } from './y4m.ts';

export const COLOUR_CAMERA = { width: 960, height: 540, fps: 30 } as const;
const COLOUR_FRAMES = 60;
const SQUARE = 90;

/** Y, Cb, Cr of each quarter of the colour camera; far apart in every component. */
export const QUARTERS = {
  topLeft: { name: 'red', yuv: [76, 90, 200] },
  topRight: { name: 'green', yuv: [120, 70, 70] },
  bottomLeft: { name: 'blue', yuv: [60, 200, 110] },
  bottomRight: { name: 'dark', yuv: [40, 128, 128] },
} as const;

/** Four coloured quarters and a white square that moves right for half the loop, then back. */
export function colourCameraFile(): string {
  const { width, height } = COLOUR_CAMERA;
  return y4mFile(`camera-v1-${width}x${height}-${COLOUR_FRAMES}`, COLOUR_CAMERA, colourFrames);
}

function* colourFrames(): Generator<Buffer> {
  const { width, height } = COLOUR_CAMERA;
  const top = (height - SQUARE) / 2;
  for (let i = 0; i < COLOUR_FRAMES; i += 1) {
    const left = squareLeft(i);
    const sample = (plane: 0 | 1 | 2, x: number, y: number): number => {
      if (x >= left && x < left + SQUARE && y >= top && y < top + SQUARE) {
        return plane === 0 ? 235 : 128;
      }
      const column = x >= width / 2 ? 'Right' : 'Left';
      const row = y >= height / 2 ? 'bottom' : 'top';
      return QUARTERS[`${row}${column}`].yuv[plane];
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
    yield frame;
  }
}

/** Left edge of the square in frame `i`, in pixels; even, for the chroma planes. */
function squareLeft(i: number): number {
  const { width } = COLOUR_CAMERA;
  const margin = 90;
  const half = COLOUR_FRAMES / 2;
  const way = i < half ? i / half : (COLOUR_FRAMES - i) / half;
  return Math.round((margin + way * (width - 2 * margin - SQUARE)) / 2) * 2;
}

const TINY_CAMERA = { width: 160, height: 90, fps: 5 } as const;

/** A bright bar that moves; so small that many viewers on one machine can decode it. */
export function tinyCameraFile(): string {
  const { width, height, fps } = TINY_CAMERA;
  return y4mFile(`tiny-v1-${width}x${height}-${fps}`, TINY_CAMERA, function* tinyFrames() {
    for (let i = 0; i < 40; i += 1) {
      const frame = greyFrame(TINY_CAMERA, 60);
      fillLuma(frame, TINY_CAMERA, { left: i * 3, top: 30, width: 30, height: 30 }, 220);
      yield frame;
    }
  });
}

const BUSY_CAMERA = { width: 960, height: 540, fps: 30 } as const;

/** Moving noise, hard to encode: every simulcast layer uses all the bitrate that it may. */
export function busyCameraFile(): string {
  const { width, height } = BUSY_CAMERA;
  return y4mFile(`busy-v1-${width}x${height}`, BUSY_CAMERA, busyFrames);
}

function* busyFrames(): Generator<Buffer> {
  const { width, height } = BUSY_CAMERA;
  const random = sameRandomNumbers(1);
  /** Rows of noise; the frames show them shifted. */
  const rows = Array.from({ length: 8 }, () =>
    Buffer.from(Array.from({ length: 2 * width }, () => 100 + (random() & 31))),
  );
  for (let i = 0; i < 45; i += 1) {
    const frame = greyFrame(BUSY_CAMERA, 0);
    for (let y = 0; y < height; y += 1) {
      const left = (i * 7 + Math.floor(y / 3)) % width;
      rows[(Math.floor(y / 12) + i) % rows.length]?.copy(frame, y * width, left, left + width);
    }
    yield frame;
  }
}

/** A linear congruential generator: the same numbers on every machine. */
function sameRandomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 16;
  };
}
