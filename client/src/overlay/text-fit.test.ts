import { describe, expect, it } from 'vitest';
import { shorten, wrapText } from './text-fit.ts';

/** Every character is 10 wide. */
const context = { measureText: (text: string) => ({ width: text.length * 10 }) as TextMetrics };

describe('shorten', () => {
  it('leaves what fits and cuts what does not', () => {
    expect(shorten(context, 'hello', 50)).toBe('hello');
    expect(shorten(context, 'hello world', 60)).toBe('hello…');
    expect(shorten(context, 'hello world', 80)).toBe('hello w…');
  });

  it('never cuts a character in two and ends where nothing fits', () => {
    expect(shorten(context, '😀😀😀', 35)).toBe('😀…');
    expect(shorten(context, 'hello', 0)).toBe('…');
  });
});

describe('wrapText', () => {
  it('breaks at spaces and new lines', () => {
    expect(wrapText(context, 'one two three\nfour', 80, 9)).toEqual(['one two', 'three', 'four']);
  });

  it('cuts a word that is wider than the room', () => {
    expect(wrapText(context, 'a extraordinarily b', 50, 9)).toEqual(['a', 'extr…', 'b']);
  });

  it('puts what is left over on the last line and cuts it', () => {
    expect(wrapText(context, 'one two three four', 60, 2)).toEqual(['one', 'two t…']);
  });
});
