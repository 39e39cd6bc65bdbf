import { describe, expect, it } from 'vitest';
import { LowestLayer } from './lowest-layer.ts';

describe('which layer is the lowest', () => {
  it('is the one with the smallest picture, once that is known', () => {
    const layers = new LowestLayer();
    expect(layers.isLowest(1, undefined, 0)).toBe(false);
    expect(layers.isLowest(1, 480, 1)).toBe(true);
    expect(layers.isLowest(2, 240, 2)).toBe(true);
    expect(layers.isLowest(1, undefined, 3)).toBe(false);
    expect(layers.isLowest(3, 960, 4)).toBe(false);
    expect(layers.isLowest(2, undefined, 5)).toBe(true);
  });

  it('goes to another where the lowest is not sent any more', () => {
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
  });
});
