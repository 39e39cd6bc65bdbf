import { describe, expect, it, test } from 'vitest';
import { colorFor, inkOn } from './palette.ts';

describe('colorFor', () => {
  it('is stable, and spreads over the palette', () => {
    expect(colorFor('motion')).toBe(colorFor('motion'));
    const colors = new Set(Array.from({ length: 100 }, (_, i) => colorFor(`track-${i}`)));
    expect(colors.size).toBe(8);
  });
});

test.each([
  ['#fff', '#0b0d10'],
  ['#000', '#ffffff'],
  ['#ffd166', '#0b0d10'],
  ['#0000ff', '#ffffff'],
  ['#ffffff80', '#0b0d10'],
])('the ink on %s is %s', (color, ink) => {
  expect(inkOn(color)).toBe(ink);
});
