import { encode } from 'uqr';
import { describe, expect, it } from 'vitest';
import { qrPath } from './qr-code.ts';

describe('qrPath', () => {
  it('joins neighbours in a row and leaves out light modules', () => {
    expect(
      qrPath([
        [true, true, false, true],
        [false, false, false, false],
      ]),
    ).toBe('M0 0h2v1h-2zM3 0h1v1h-1z');
  });

  it('covers every dark module of a real code, and no other', () => {
    const { data } = encode('https://live.example.org/join/main');
    const dark = data.flat().filter(Boolean).length;
    const widths = [...qrPath(data).matchAll(/h(\d+)v1/g)].map((match) => Number(match[1]));
    expect(widths.reduce((sum, width) => sum + width, 0)).toBe(dark);
  });
});
