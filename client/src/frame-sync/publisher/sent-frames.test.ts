import { describe, expect, it } from 'vitest';
import { keyFrameWidth, LowestLayer } from './sent-frames.ts';

describe('LowestLayer', () => {
  it('is the layer with the smallest frames, once their width is known', () => {
    const layers = new LowestLayer();
    expect(layers.isLowest(1, undefined, 0)).toBe(false);
    expect(layers.isLowest(1, 480, 1)).toBe(true);
    expect(layers.isLowest(2, 240, 2)).toBe(true);
    expect(layers.isLowest(1, undefined, 3)).toBe(false);
    expect(layers.isLowest(3, 960, 4)).toBe(false);
    expect(layers.isLowest(2, undefined, 5)).toBe(true);
  });

  it('is another layer when the lowest is no longer sent', () => {
    const layers = new LowestLayer();
    layers.isLowest(1, 240, 0);
    layers.isLowest(2, 480, 0);
    expect(layers.isLowest(2, undefined, 2_000)).toBe(false);
    expect(layers.isLowest(2, undefined, 3_100)).toBe(true);
    expect(layers.isLowest(1, undefined, 3_200)).toBe(true);
  });

  it('forgets the layers of old transports', () => {
    const layers = new LowestLayer();
    for (let ssrc = 1; ssrc <= 9; ssrc += 1) layers.isLowest(ssrc, 240, 0);
    expect(layers.isLowest(1, undefined, 1)).toBe(false);
    expect(layers.isLowest(9, undefined, 1)).toBe(true);
    layers.clear();
    expect(layers.isLowest(10, 480, 2)).toBe(true);
  });
});

/** Frame tag of a shown key frame, start code, 640 x 360 without scaling. */
const key = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0x00];

describe('keyFrameWidth', () => {
  it('reads the width of a key frame', () => {
    expect(keyFrameWidth(new Uint8Array(key).buffer)).toBe(640);
    // The two upper bits are the scaling on the screen.
    expect(keyFrameWidth(new Uint8Array(key.with(7, 0x42)).buffer)).toBe(640);
  });

  it('is undefined for all other frames', () => {
    expect(keyFrameWidth(new Uint8Array(key.with(0, 0x11)).buffer)).toBeUndefined();
    expect(keyFrameWidth(new Uint8Array(key.with(3, 0)).buffer)).toBeUndefined();
    expect(keyFrameWidth(new Uint8Array(key.slice(0, 8)).buffer)).toBeUndefined();
    expect(keyFrameWidth(new ArrayBuffer(0))).toBeUndefined();
  });
});
