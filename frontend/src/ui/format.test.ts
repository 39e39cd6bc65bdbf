import { describe, expect, it } from 'vitest';
import {
  formatBitrate,
  formatCount,
  formatDuration,
  formatFrameRate,
  formatLoss,
  formatMilliseconds,
  formatResolution,
  formatViewers,
} from './format.ts';

describe('stats', () => {
  it('shows a dash for an unknown value', () => {
    expect(formatResolution(640, undefined)).toBe('–');
    for (const format of [
      formatFrameRate,
      formatBitrate,
      formatMilliseconds,
      formatLoss,
      formatCount,
    ]) {
      expect(format(undefined)).toBe('–');
    }
  });

  it('formats values for people', () => {
    expect(formatResolution(1280, 720)).toBe('1280 × 720');
    expect(formatFrameRate(29.97)).toBe('30 fps');
    expect(formatBitrate(812.4)).toBe('812 kbit/s');
    expect(formatBitrate(2345)).toBe('2.3 Mbit/s');
    expect(formatMilliseconds(41.6)).toBe('42 ms');
    expect([0, 999, 1234, 1234567].map(formatCount)).toEqual(['0', '999', '1,234', '1,234,567']);
    expect(formatViewers(1)).toBe('1 watching');
  });

  it.each([
    [0, '0 %'],
    [0.0004, '0.0 %'],
    [0.013, '1.3 %'],
    [0.256, '26 %'],
  ])('loss of %d is %s', (fraction, text) => {
    expect(formatLoss(fraction)).toBe(text);
  });

  it.each([
    [-5, '0:00'],
    [245_000, '4:05'],
    [3_845_999, '1:04:05'],
  ])('a broadcast of %d ms has run for %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
