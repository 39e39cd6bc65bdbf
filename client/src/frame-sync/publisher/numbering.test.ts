import { describe, expect, it } from 'vitest';
import { toUint32 } from '../rtp-time.ts';
import { CapturedNumbering, SentNumbering } from './numbering.ts';

const WALL = 1_800_000_000_000;
/** The capture time of a camera at 30/s that is a little irregular, µs. */
const timeUs = (frame: number) => 5_000_000 + frame * 33_333 + ((frame * frame * 7919) % 4999);
const at = (frame: number) => timeUs(frame) / 1000 + 3;

function scene() {
  const numbering = new CapturedNumbering((ms) => WALL + ms);
  const encode = (frame: number, ssrc = 1, offset = 4_294_900_000, width = 240) =>
    numbering.tagEncoded(
      {
        ssrc,
        rtpTimestamp: toUint32(Math.floor(timeUs(frame) / 1000) * 90 + offset),
        width,
      },
      at(frame) + 12,
    );
  const capture = (frame: number) => numbering.identifyCaptured(timeUs(frame), at(frame));
  return { numbering, encode, capture };
}

describe('CapturedNumbering', () => {
  it('FRAME-3 names frames by the smallest layer of a new transport at once, even where it is larger', () => {
    const { numbering, encode, capture } = scene();
    const offsetOf = (frameId: { readonly rtpTimestamp?: number | undefined }, frame: number) =>
      toUint32((frameId.rtpTimestamp ?? 0) - Math.floor(timeUs(frame) / 1000) * 90);
    for (let frame = 0; frame < 40; frame += 1) {
      capture(frame);
      encode(frame, 1, 1_000, 240);
    }
    numbering.senderStarted();
    let frameId: ReturnType<typeof capture> | undefined;
    // A second and a half: less than the time after which a silent layer is forgotten.
    for (let frame = 40; frame < 85; frame += 1) {
      frameId = capture(frame);
      encode(frame, 12, 9_000_000, 960);
      encode(frame, 11, 5_000_000, 480);
    }
    expect(Math.abs(offsetOf(frameId ?? {}, 84) - 5_000_000)).toBeLessThanOrEqual(180);
  });

  it('FRAME-3 gives every layer of a frame the number of its captured frame', () => {
    const { encode, capture } = scene();
    const wrong: unknown[] = [];
    for (let frame = 0; frame < 60; frame += 1) {
      const { number } = capture(frame);
      const tags = [encode(frame, 3, 77, 960), encode(frame, 2, 1e9, 480), encode(frame, 1)];
      if (frame > 15 && tags.some((tag) => tag.number !== number)) wrong.push([frame, tags]);
    }
    expect(wrong).toEqual([]);
  });

  it('FRAME-3 gives the same number to an encoded frame that comes before its captured frame', () => {
    const { encode, capture } = scene();
    for (let frame = 0; frame < 30; frame += 1) {
      capture(frame);
      encode(frame);
    }
    const tags = [encode(30), encode(31)];
    const frameIds = [capture(30), capture(31), capture(32)];
    expect(tags.map(({ number }) => number)).toEqual([30, 31]);
    expect(frameIds.map(({ number }) => number)).toEqual([30, 31, 32]);
  });

  it('FRAME-3 gives the capture time, and the RTP timestamp of the smallest layer', () => {
    const { encode, capture } = scene();
    let frameId = capture(0);
    for (let frame = 0; frame < 40; frame += 1) {
      if (frame > 0) frameId = capture(frame);
      const tag = encode(frame, 2, 123_456, 960);
      const small = encode(frame, 1);
      if (frame < 39) continue;
      expect(tag.capturedAt).toBe(frameId.capturedAt);
      expect(tag.capturedAt).toBeCloseTo(WALL + at(frame), 0);
      expect(small.number).toBe(39);
    }
    const rtp = toUint32(Math.floor(timeUs(39) / 1000) * 90 + 4_294_900_000);
    expect(Math.abs((frameId.rtpTimestamp ?? 0) - rtp)).toBeLessThanOrEqual(180);
  });

  it('FRAME-3 numbers go on over a new transport', () => {
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

  it('FRAME-3 gives a time and no number without captured frames', () => {
    const { encode } = scene();
    const tag = encode(3);
    expect(tag.number).toBeUndefined();
    expect(Math.abs(tag.capturedAt - WALL - at(3))).toBeLessThan(20);
  });
});

const LOWEST = 1;
const TOP = 2;
/** Each layer's clock has its own start; the lowest layer's clock wraps soon. */
const BASES = { [LOWEST]: 2 ** 32 - 20 * 3000, [TOP]: 700_000 } as const;

/** Frames at 30/s, the top layer a millisecond before or after the lowest; `gap` gives the ms between captures. */
function runSent(
  count: number,
  options: { readonly topFirst: boolean; readonly gap?: (i: number) => number },
) {
  const numbering = new SentNumbering((at) => 1_000_000 + at);
  let captured = 0;
  return Array.from({ length: count }, (_, i) => {
    captured += options.gap?.(i) ?? 1000 / 30;
    const rtp = (ssrc: typeof LOWEST | typeof TOP) =>
      toUint32(BASES[ssrc] + Math.round(captured * 90));
    const at = captured + 10;
    const top = () => numbering.tagOther(TOP, rtp(TOP), at + (options.topFirst ? 0 : 1)).number;
    const lowest = () =>
      numbering.tagLowest(LOWEST, rtp(LOWEST), at + (options.topFirst ? 1 : 0)).number;
    if (options.topFirst) {
      const before = top();
      return { top: before, lowest: lowest() };
    }
    const before = lowest();
    return { top: top(), lowest: before };
  });
}

describe('SentNumbering', () => {
  it.each([true, false])(
    'FRAME-3 gives the same numbers in all layers; top layer first: %s',
    (topFirst) => {
      const frames = runSent(300, { topFirst });
      expect(frames.map(({ lowest }) => lowest)).toEqual(frames.map((_, i) => i));
      const numbered = frames.filter(({ top }) => top !== undefined);
      expect(numbered.length).toBeGreaterThan(240);
      expect(numbered.every(({ top, lowest }) => top === lowest)).toBe(true);
    },
  );

  it('FRAME-3 gives the same numbers where frames come at unequal distances', () => {
    const frames = runSent(300, { topFirst: true, gap: (i) => [17, 50, 33, 66][i % 4] ?? 33 });
    const numbered = frames.filter(({ top }) => top !== undefined);
    expect(numbered.length).toBeGreaterThan(240);
    expect(numbered.every(({ top, lowest }) => top === lowest)).toBe(true);
  });

  it('FRAME-3 finds the frames again when one layer’s clock jumps', () => {
    const numbering = new SentNumbering((at) => at);
    let shift = 0;
    const right: boolean[] = [];
    for (let i = 0; i < 400; i += 1) {
      if (i === 200) shift = 50_000;
      const ticks = i * 3000;
      const top = numbering.tagOther(TOP, 700_000 + ticks + shift, i * 33).number;
      const lowest = numbering.tagLowest(LOWEST, ticks, i * 33 + 1).number;
      right.push(top === lowest);
    }
    expect(right.slice(100, 200).every(Boolean)).toBe(true);
    expect(right.slice(300).every(Boolean)).toBe(true);
  });

  it('goes on with the numbers when another layer becomes the lowest', () => {
    const numbering = new SentNumbering((at) => at);
    const before = numbering.tagLowest(LOWEST, 5, 0).number;
    expect(numbering.tagLowest(TOP, 900, 33).number).toBe(before + 1);
  });
});
