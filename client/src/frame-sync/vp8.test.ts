import { describe, expect, it } from 'vitest';
import { keyFrameWidth } from './vp8.ts';

/** Frame tag of a shown key frame, start code, 640 x 360 without scaling. */
const key = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0x00];

describe('the header of a VP8 frame', () => {
  it('says the width of a key frame', () => {
    expect(keyFrameWidth(new Uint8Array(key).buffer)).toBe(640);
    // The two upper bits are for scaling on the screen.
    expect(keyFrameWidth(new Uint8Array(key.with(7, 0x42)).buffer)).toBe(640);
  });

  it('says nothing of others', () => {
    expect(keyFrameWidth(new Uint8Array(key.with(0, 0x11)).buffer)).toBeUndefined();
    expect(keyFrameWidth(new Uint8Array(key.with(3, 0)).buffer)).toBeUndefined();
    expect(keyFrameWidth(new Uint8Array(key.slice(0, 8)).buffer)).toBeUndefined();
    expect(keyFrameWidth(new ArrayBuffer(0))).toBeUndefined();
  });
});
