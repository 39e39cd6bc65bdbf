import { describe, expect, it } from 'vitest';
import { Numbering } from './numbering.ts';
import { toUint32 } from './uint32.ts';

const WALL = 1_800_000_000_000;
/** A camera at 30/s that is never quite regular, µs. */
const timeUs = (frame: number) => 5_000_000 + frame * 33_333 + ((frame * frame * 7919) % 4999);
const at = (frame: number) => timeUs(frame) / 1000 + 3;

function scene() {
  const numbering = new Numbering((ms) => WALL + ms);
  const encode = (frame: number, ssrc = 1, offset = 4_294_900_000, width = 240) =>
    numbering.encoded(
      {
        ssrc,
        rtpTimestamp: toUint32(Math.floor(timeUs(frame) / 1000) * 90 + offset),
        width,
      },
      at(frame) + 12,
    );
  const capture = (frame: number) => numbering.captured(timeUs(frame), at(frame));
  return { numbering, encode, capture };
}

describe('Numbering', () => {
  it('FRAME-3 every layer of a frame gets the number of its captured one', () => {
    const { encode, capture } = scene();
    const wrong: unknown[] = [];
    for (let frame = 0; frame < 60; frame += 1) {
      const { number } = capture(frame);
      const tags = [encode(frame, 3, 77, 960), encode(frame, 2, 1e9, 480), encode(frame, 1)];
      if (frame > 15 && tags.some((tag) => tag.number !== number)) wrong.push([frame, tags]);
    }
    expect(wrong).toEqual([]);
  });

  it('FRAME-3 an encoded frame that overtakes its captured one has the same number', () => {
    const { encode, capture } = scene();
    for (let frame = 0; frame < 30; frame += 1) {
      capture(frame);
      encode(frame);
    }
    const tags = [encode(30), encode(31)];
    const names = [capture(30), capture(31), capture(32)];
    expect(tags.map(({ number }) => number)).toEqual([30, 31]);
    expect(names.map(({ number }) => number)).toEqual([30, 31, 32]);
  });

  it('FRAME-3 tells when a frame was captured, and its RTP timestamp of the smallest layer', () => {
    const { encode, capture } = scene();
    let name = capture(0);
    for (let frame = 0; frame < 40; frame += 1) {
      if (frame > 0) name = capture(frame);
      const tag = encode(frame, 2, 123_456, 960);
      const small = encode(frame, 1);
      if (frame < 39) continue;
      expect(tag.capturedAt).toBe(name.capturedAt);
      expect(tag.capturedAt).toBeCloseTo(WALL + at(frame), 0);
      expect(small.number).toBe(39);
    }
    const rtp = toUint32(Math.floor(timeUs(39) / 1000) * 90 + 4_294_900_000);
    expect(Math.abs((name.rtpTimestamp ?? 0) - rtp)).toBeLessThanOrEqual(180);
  });

  it('FRAME-3 a transport that is made anew goes on with the numbers', () => {
    const { encode, capture } = scene();
    for (let frame = 0; frame < 30; frame += 1) {
      capture(frame);
      encode(frame);
    }
    let last: number | undefined;
    for (let frame = 30; frame < 60; frame += 1) {
      capture(frame);
      last = encode(frame, 9, 55, 240).number;
    }
    expect(last).toBe(59);
  });

  it('FRAME-3 without captured frames there is a time and no number', () => {
    const { encode } = scene();
    const tag = encode(3);
    expect(tag.number).toBeUndefined();
    expect(Math.abs(tag.capturedAt - WALL - at(3))).toBeLessThan(20);
  });
});
