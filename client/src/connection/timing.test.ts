import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { backoffMs } from './timing.ts';

describe('backoffMs', () => {
  test.each([
    [0, 0, 300],
    [1, 250, 750],
    [2, 350, 1_050],
    [3, 500, 1_500],
    [6, 500, 1_500],
    [7, 750, 2_250],
    [8, 1_000, 3_000],
    [9, 2_000, 6_000],
    [10, 3_500, 10_500],
    [1_000, 3_500, 10_500],
  ])('CONN-8 attempt %i waits %i to %i ms', (attempt, min, max) => {
    expect(backoffMs(attempt, 0)).toBe(min);
    expect(backoffMs(attempt, 1)).toBe(max);
  });

  it('CONN-8 stays within its bounds, in whole milliseconds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const ms = backoffMs(attempt, random);
        expect(Number.isInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(10_500);
      }),
    );
  });
});
