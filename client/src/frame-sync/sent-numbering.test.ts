import { describe, expect, it } from 'vitest';
import { SentNumbering } from './sent-numbering.ts';
import { toUint32 } from './uint32.ts';

const LOWEST = 1;
const TOP = 2;
/** Each layer's clock has its own beginning; the lowest's runs over its end soon. */
const BASES = { [LOWEST]: 2 ** 32 - 20 * 3000, [TOP]: 700_000 } as const;

/** Frames at 30/s, the top layer a millisecond before or after the lowest; ms between captures by `gap`. */
function run(
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
    const top = () => numbering.other(TOP, rtp(TOP), at + (options.topFirst ? 0 : 1)).number;
    const lowest = () =>
      numbering.lowest(LOWEST, rtp(LOWEST), at + (options.topFirst ? 1 : 0)).number;
    if (options.topFirst) {
      const before = top();
      return { top: before, lowest: lowest() };
    }
    const before = lowest();
    return { top: top(), lowest: before };
  });
}

describe('numbers of frames by what is sent', () => {
  it.each([true, false])(
    'FRAME-3 are the same in all layers, the top one first: %s',
    (topFirst) => {
      const frames = run(300, { topFirst });
      expect(frames.map(({ lowest }) => lowest)).toEqual(frames.map((_, i) => i));
      const told = frames.filter(({ top }) => top !== undefined);
      expect(told.length).toBeGreaterThan(240);
      expect(told.every(({ top, lowest }) => top === lowest)).toBe(true);
    },
  );

  it('FRAME-3 are so too where frames come at unequal distances', () => {
    const frames = run(300, { topFirst: true, gap: (i) => [17, 50, 33, 66][i % 4] ?? 33 });
    const told = frames.filter(({ top }) => top !== undefined);
    expect(told.length).toBeGreaterThan(240);
    expect(told.every(({ top, lowest }) => top === lowest)).toBe(true);
  });

  it('FRAME-3 go on where the layers’ clocks change against each other', () => {
    const numbering = new SentNumbering((at) => at);
    let shift = 0;
    const right: boolean[] = [];
    for (let i = 0; i < 400; i += 1) {
      if (i === 200) shift = 50_000;
      const ticks = i * 3000;
      const top = numbering.other(TOP, 700_000 + ticks + shift, i * 33).number;
      const lowest = numbering.lowest(LOWEST, ticks, i * 33 + 1).number;
      right.push(top === lowest);
    }
    expect(right.slice(100, 200).every(Boolean)).toBe(true);
    expect(right.slice(300).every(Boolean)).toBe(true);
  });

  it('rise on when another layer becomes the lowest', () => {
    const numbering = new SentNumbering((at) => at);
    const before = numbering.lowest(LOWEST, 5, 0).number;
    expect(numbering.lowest(TOP, 900, 33).number).toBe(before + 1);
  });
});
