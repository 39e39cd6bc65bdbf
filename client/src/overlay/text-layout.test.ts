import { describe, expect, it, test } from 'vitest';
import { directionOf, textBreaks } from './text-breaks.ts';
import { shorten, wrapText } from './text-layout.ts';

/** Every character that people count is 10 wide. */
const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const widthOf = (text: string) => Array.from(characters.segment(text)).length * 10;
const measure = {
  direction: 'ltr' as CanvasDirection,
  measureText: (text: string) => ({ width: widthOf(text) }) as TextMetrics,
};
const wrap = (text: string, room: number, maxLines = 99) =>
  wrapText(measure, text, room, maxLines).map((line) => line.text);

const CHINESE =
  '今天下午三点的比赛因为下雨推迟到明天上午十点开始请大家提前半小时到场并且带好雨具谢谢配合我们会在直播里继续通知最新消息';
const JAPANESE =
  '本日午後三時からの試合は、雨のため明日の午前十時に延期されました。「傘」をお持ちください。';
const THAI =
  'การแข่งขันบ่ายนี้เลื่อนไปเป็นพรุ่งนี้เช้าเพราะฝนตกกรุณามาก่อนเวลาครึ่งชั่วโมงและนำเสื้อกันฝนมาด้วยขอบคุณทุกท่านมาก';
const ARABIC = 'تم تأجيل المباراة إلى صباح الغد بسبب المطر، يرجى الحضور مبكرا، وشكرا لكم جميعا';
const FAMILY = '👨‍👩‍👧‍👦';

describe('OVL-9 text is broken by the rules of its script', () => {
  it('at spaces and at every kind of line end', () => {
    expect(wrap('one two three\nfour', 80)).toEqual(['one two', 'three', 'four']);
    expect(wrap('a\tb\r\nc\u2028d\n\nf  g', 80)).toEqual(['a b', 'c', 'd', '', 'f g']);
  });

  test.each([
    ['Chinese', CHINESE],
    ['Japanese', JAPANESE],
    ['Thai', THAI],
    ['a long address', `https://example.org/${'a-very-long-address/'.repeat(8)}`],
    ['one endless word', 'x'.repeat(300)],
    ['families', FAMILY.repeat(40)],
    ['Arabic', ARABIC],
  ])('all of it is shown, and the lines are well filled: %s', (_name, text) => {
    const room = 200;
    const lines = wrap(text, room);
    expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(room);
    expect(lines.length).toBeLessThanOrEqual(Math.ceil(widthOf(text) / (room * 0.55)));
  });

  it('never within a word of Thai or an everyday word of Chinese', () => {
    const words = new Intl.Segmenter('th', { granularity: 'word' });
    const ends = new Set<number>();
    for (const { index, segment } of words.segment(THAI)) ends.add(index + segment.length);
    let at = 0;
    for (const line of wrap(THAI, 200)) expect(ends).toContain((at += line.length));
    for (const line of wrap(CHINESE, 100)) expect(line).not.toMatch(/^(?:天|赛|迟)/);
  });

  it('no line begins with a closing mark or ends with an opening one', () => {
    for (const room of [40, 50, 60, 70, 80, 90, 100, 110]) {
      for (const line of wrap(JAPANESE, room)) {
        expect(line).not.toMatch(/^[、。」]/);
        expect(line).not.toMatch(/[「]$/);
      }
    }
    expect(wrap('well (hello) there, (you)', 70)).toEqual(['well', '(hello)', 'there,', '(you)']);
  });

  it('after hyphens and the slashes of an address, not before numbers or at spaces that hold together', () => {
    expect(wrap('well-known ex-wife', 60)).toEqual(['well-', 'known', 'ex-', 'wife']);
    expect(wrap('at -5 degrees', 50)).toEqual(['at -5', 'degre', 'es']);
    expect(wrap('https://example.org/live/demo', 200)).toEqual([
      'https://example.org/',
      'live/demo',
    ]);
    expect(wrap('10\u00a0km 20\u00a0km', 60)).toEqual(['10\u00a0km', '20\u00a0km']);
  });

  it('a word that is too wide begins on a line of its own and is broken anywhere', () => {
    expect(wrap('a extraordinarily b', 50)).toEqual(['a', 'extra', 'ordin', 'arily', 'b']);
    expect(wrap('😀😀', 5)).toEqual(['😀', '😀']);
  });

  it('the last line holds the rest and is cut', () => {
    expect(wrap('one two three four', 60, 2)).toEqual(['one', 'two t…']);
    expect(wrap(CHINESE, 100, 2).map(widthOf)).toEqual([expect.any(Number), 100]);
    expect(wrap(CHINESE, 100, 2)[1]).toMatch(/…$/);
    expect(wrap('a\nb\nc', 100, 2)).toEqual(['a', 'b c']);
    expect(wrap('a\none two\nthree', 80, 2)).toEqual(['a', 'one two…']);
    expect(wrap('a\nb', 100, 1)).toEqual(['a b']);
  });
});

describe('OVL-9 nothing that belongs together is cut', () => {
  it('a text that fits is kept, and another one ends in an ellipsis', () => {
    expect(shorten(measure, 'hello', 50).text).toBe('hello');
    expect(shorten(measure, 'hello world', 60).text).toBe('hello…');
    expect(shorten(measure, 'hello world', 80).text).toBe('hello w…');
    expect(shorten(measure, 'hello', 0).text).toBe('…');
    expect(shorten(measure, ' a\n\tb ', 50).text).toBe('a b');
  });

  test.each([
    ['joined emoji', FAMILY],
    ['flags', '🇪🇺'],
    ['a skin tone', '👍🏽'],
    ['a combining mark', 'e\u0301'],
    ['many combining marks', `e${'\u0301'.repeat(20)}`],
    ['an Indic syllable', 'नि'],
    ['a lone surrogate', '\ud83d'],
  ])('%s', (_name, character) => {
    for (const breaks of [textBreaks(), textBreaks({})]) {
      expect(breaks.graphemes(character.repeat(3))).toEqual([character, character, character]);
    }
    expect(shorten(measure, character.repeat(9), 40).text).toBe(`${character.repeat(3)}…`);
    expect(wrap(character.repeat(7), 30).slice(0, 2)).toEqual([
      character.repeat(3),
      character.repeat(3),
    ]);
  });
});

describe('OVL-9 without Intl.Segmenter', () => {
  const without = textBreaks({});
  test.each([
    ['plain words, here', ['plain ', 'words, ', 'here']],
    ['今天，明天', ['今', '天，', '明', '天']],
    ['「傘」を', ['「傘」', 'を']],
    ['well-known', ['well-', 'known']],
  ])('%s', (text, parts) => {
    expect(without.parts(text)).toEqual(parts);
  });
});

describe('OVL-9 the direction of a text is that of its first letter', () => {
  test.each([
    ['hello', 'ltr'],
    ['سيارة 12 (أحمر)', 'rtl'],
    ['12 شخص', 'rtl'],
    ['… «שלום» hello', 'rtl'],
    ['ABC سيارة', 'ltr'],
    ['12:30', 'ltr'],
    ['', 'ltr'],
    ['ދިވެހި', 'rtl'],
    ['今天', 'ltr'],
  ])('%s: %s', (text, direction) => {
    expect(directionOf(text)).toBe(direction);
    expect(shorten(measure, text, 1_000)).toEqual({ text, direction });
  });

  it('each paragraph has its own', () => {
    const lines = wrapText(measure, `hello\n${ARABIC}`, 200, 9);
    const [first, ...others] = lines.map((line) => line.direction);
    expect([first, ...new Set(others)]).toEqual(['ltr', 'rtl']);
  });
});
