import { findRegions, type FoundRegion, mergeNear, type Region } from './motion-regions.ts';

/** Relative to the frame, 0 to 1. */
export interface MotionBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Counts are frames, at 10 to 15 frames per second. */
const tuning = {
  /** Grey levels by which a pixel must differ in a video without noise. */
  minThreshold: 18,
  /** By this factor a change must exceed the noise of the video (the median change per pixel). */
  noiseFactor: 6,
  /** A region counts as moving while a part of it changed within this many frames. */
  movingFrames: 3,
  /** A pixel that did not change for this many frames becomes background. */
  absorbFrames: 40,
  /** Where nothing covers the background, it adapts by 1/8 (2^-3) of the difference per frame. */
  adaptShift: 3,
  /** If more than this share of the frame is foreground, the light or the camera has changed. */
  maxForeground: 0.6,
  /** Smaller regions are specks. A share of the frame's pixels. */
  minPixels: 0.001,
  /** Boxes closer together than this share of the width are merged. */
  mergeGap: 0.03,
  maxBoxes: 20,
} as const;

const still = 255;
/** Foreground, by how a pixel differs from its background. */
const brighter = 1;
const darker = 2;

/**
 * Finds what moves in a sequence of small grey frames of one size, one byte per pixel, rows from the
 * top.
 *
 * A pixel is foreground if it differs from a slowly learnt background. This finds whole objects, not
 * only their edges. A region of such pixels is reported only while a part of it changes from frame to
 * frame.
 *
 * Where an object stood when the background was learnt, the background shows the object, and the place
 * differs from it once the object has gone. Such a hole is distinguished from an object by its outline, which is
 * an edge in the background and none in the frame, and the background is corrected at once: frames may
 * be far apart, and until it is corrected there would be two boxes for one object, or a long one over
 * both places. A hole and an object that touch differ from the background in opposite directions.
 */
export class MotionDetector {
  readonly width: number;
  readonly height: number;
  readonly #previous: Uint8Array;
  /** Fixed point, 8 bits of fraction. */
  readonly #background: Uint16Array;
  /** Frames since the pixel last changed, at most `still`. */
  readonly #age: Uint8Array;
  readonly #mask: Uint8Array;
  readonly #clean: Uint8Array;
  readonly #moving: Uint8Array;
  #started = false;

  constructor(width: number, height: number) {
    const pixels = width * height;
    this.width = width;
    this.height = height;
    this.#previous = new Uint8Array(pixels);
    this.#background = new Uint16Array(pixels);
    this.#age = new Uint8Array(pixels).fill(still);
    this.#mask = new Uint8Array(pixels);
    this.#clean = new Uint8Array(pixels);
    this.#moving = new Uint8Array(pixels);
  }

  /** Returns a box around each thing that moves, the largest first. Does not keep `frame`. */
  detect(frame: Uint8Array): MotionBox[] {
    const pixels = this.width * this.height;
    if (frame.length !== pixels) throw new RangeError(`expected ${pixels} pixels`);
    if (!this.#started) {
      this.#started = true;
      this.#relearn(frame);
      return [];
    }
    const threshold = Math.max(
      tuning.minThreshold,
      tuning.noiseFactor * medianChange(frame, this.#previous),
    );
    const foreground = this.#compare(frame, threshold);
    if (foreground > tuning.maxForeground * pixels) {
      this.#relearn(frame);
      return [];
    }
    this.#learn(frame);
    return this.#boxes(frame);
  }

  #relearn(frame: Uint8Array): void {
    this.#previous.set(frame);
    for (let i = 0; i < frame.length; i += 1) this.#background[i] = (frame[i] ?? 0) << 8;
    this.#age.fill(still);
  }

  /** Updates the masks and the ages; returns the number of foreground pixels. */
  #compare(frame: Uint8Array, threshold: number): number {
    let count = 0;
    for (let i = 0; i < frame.length; i += 1) {
      const value = frame[i] ?? 0;
      const changed = Math.abs(value - (this.#previous[i] ?? 0)) > threshold;
      const age = changed ? 0 : Math.min(still, (this.#age[i] ?? still) + 1);
      this.#age[i] = age;
      this.#moving[i] = age < tuning.movingFrames ? 1 : 0;
      const difference = value - (this.#background[i] ?? 0) / 256;
      const standsOut = Math.abs(difference) > threshold;
      this.#mask[i] = standsOut ? (difference > 0 ? brighter : darker) : 0;
      if (standsOut) count += 1;
    }
    return count;
  }

  #learn(frame: Uint8Array): void {
    for (let i = 0; i < frame.length; i += 1) {
      const target = (frame[i] ?? 0) << 8;
      if (this.#mask[i] === 0) {
        const before = this.#background[i] ?? 0;
        this.#background[i] = before + ((target - before) >> tuning.adaptShift);
      } else if ((this.#age[i] ?? 0) > tuning.absorbFrames) {
        this.#background[i] = target;
      }
    }
    this.#previous.set(frame);
  }

  #boxes(frame: Uint8Array): MotionBox[] {
    const { width, height } = this;
    removeSpecks(this.#mask, this.#clean, width, height);
    const minPixels = Math.max(4, tuning.minPixels * width * height);
    const objects = findRegions(this.#clean, width, height, 2).filter((region) => {
      if (!this.#isHole(region, frame)) return true;
      for (const at of region.members) this.#background[at] = (frame[at] ?? 0) << 8;
      return false;
    });
    return mergeNear(
      objects.filter(
        ({ pixels, members }) =>
          pixels >= minPixels / 2 && members.some((at) => this.#moving[at] !== 0),
      ),
      Math.round(tuning.mergeGap * width),
    )
      .filter((region) => region.pixels >= minPixels)
      .sort((a, b) => area(b) - area(a))
      .slice(0, tuning.maxBoxes)
      .map((region) => ({
        x: region.x / width,
        y: region.y / height,
        width: region.width / width,
        height: region.height / height,
      }));
  }

  /** Whether the outline of the region is an edge in the background rather than in the frame. */
  #isHole({ members }: FoundRegion, frame: Uint8Array): boolean {
    const { width, height } = this;
    let [inFrame, inBackground] = [0, 0];
    const compare = (at: number, outside: number) => {
      if (this.#mask[outside] !== 0) return;
      inFrame += Math.abs((frame[at] ?? 0) - (frame[outside] ?? 0));
      inBackground +=
        Math.abs((this.#background[at] ?? 0) - (this.#background[outside] ?? 0)) / 256;
    };
    for (const at of members) {
      const x = at % width;
      if (x > 0) compare(at, at - 1);
      if (x < width - 1) compare(at, at + 1);
      if (at >= width) compare(at, at - width);
      if (at < width * (height - 1)) compare(at, at + width);
    }
    return inBackground > inFrame;
  }
}

function area(region: Region): number {
  return region.width * region.height;
}

/** Estimates the noise: most pixels show the same thing in both frames and differ only by noise. */
function medianChange(frame: Uint8Array, previous: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (let i = 0; i < frame.length; i += 1) {
    const change = Math.abs((frame[i] ?? 0) - (previous[i] ?? 0));
    counts[change] = (counts[change] ?? 0) + 1;
  }
  let below = 0;
  for (let change = 0; change < 256; change += 1) {
    below += counts[change] ?? 0;
    if (below * 2 >= frame.length) return change;
  }
  return 255;
}

/** Keeps a pixel if at least 4 of the 3 x 3 around it are set: keeps corners, removes specks. */
function removeSpecks(mask: Uint8Array, out: Uint8Array, width: number, height: number): void {
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * width + x;
      let neighbours = 0;
      if (mask[at] !== 0) {
        for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny += 1) {
          for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx += 1) {
            if (mask[ny * width + nx] !== 0) neighbours += 1;
          }
        }
      }
      out[at] = neighbours >= 4 ? (mask[at] ?? 0) : 0;
    }
  }
}

/** Luma (BT.601) of a canvas's RGBA pixels; `out` has one byte per pixel. */
export function toGrey(rgba: Uint8ClampedArray, out: Uint8Array): void {
  for (let i = 0, at = 0; i < out.length; i += 1, at += 4) {
    const red = rgba[at] ?? 0;
    const green = rgba[at + 1] ?? 0;
    const blue = rgba[at + 2] ?? 0;
    out[i] = (red * 77 + green * 150 + blue * 29) >> 8;
  }
}
