/** Where text may be broken, by the rules of its script: Unicode's line breaking (UAX 14), in short. */

/** Written from right to left. */
const RTL =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}\p{Script=Hanifi_Rohingya}]/u;
const STRONG = /[\p{L}\p{Script=Thaana}]/u;

/** Scripts that put no spaces between words, and what breaks like them. */
const SPACELESS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Yi}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Javanese}\p{Script=Balinese}\p{Script=Tai_Le}\p{Script=New_Tai_Lue}\p{Extended_Pictographic}\p{RI}\u3000-\u303f\uff01-\uff60]/u;
/** No line begins with one of these… */
const NEVER_FIRST =
  /[\u200d\u2060\ufeff\u00a0\u202f\p{M}\p{Pe}\p{Pf}、。，．・：；？！…‥ーぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ々〻％‰℃!%),.:;?\]}ฯๆໆ។]/u;
/** …and none ends with one of these. */
const NEVER_LAST = /[\p{Ps}\p{Pi}\u200d\u2060\ufeff\u00a0\u202f]/u;
const SPACE = /[^\S\u00a0\u202f]|\u200b/u;
const HYPHEN = /[-‐–—]/u;
/** In addresses and paths. */
const SLASH = /[/\\]/u;
const WORD = /[\p{L}\p{N}]/u;

/** A base, what belongs on it, and everything that a joiner joins to it; a pair of these letters is a flag. */
const CLUSTER = /(?:\r\n|\p{RI}{2}|.)(?:[\p{M}\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}]|\u200d.)*/gsu;

type Segment = (text: string) => string[];

/** Browsers before 2024 may lack `Intl.Segmenter`. */
function segmentBy(granularity: 'grapheme' | 'word'): Segment | undefined {
  if (typeof Intl === 'undefined' || !('Segmenter' in Intl)) return undefined;
  const segmenter = new Intl.Segmenter(undefined, { granularity });
  return (text) => Array.from(segmenter.segment(text), ({ segment }) => segment);
}

export interface TextBreaks {
  /** The characters as people count them: no accent, joined emoji or flag is taken apart. */
  graphemes(text: string): string[];
  /** The parts between which a line may end. Spaces are at the end of a part. */
  parts(text: string): string[];
}

interface Segments {
  readonly graphemes?: Segment | undefined;
  readonly words?: Segment | undefined;
}

/** What the browser lacks is replaced; without its `words`, spaceless scripts are broken anywhere. */
export function textBreaks(
  { graphemes, words }: Segments = { graphemes: segmentBy('grapheme'), words: segmentBy('word') },
): TextBreaks {
  const characters: Segment = graphemes ?? ((text) => text.match(CLUSTER) ?? []);
  return {
    graphemes: characters,
    parts: (text) => {
      const parts: string[] = [];
      for (const segment of (words ?? characters)(text)) {
        const last = parts.at(-1);
        if (last === undefined || mayBreak(last, segment)) parts.push(segment);
        else parts[parts.length - 1] = last + segment;
      }
      return parts;
    },
  };
}

/** Whether a line may end between the two texts, which follow each other. */
function mayBreak(before: string, after: string): boolean {
  const [beforeLast, last] = lastTwo(before);
  const [first = ''] = after;
  if (SPACE.test(first) || NEVER_FIRST.test(first) || NEVER_LAST.test(last)) return false;
  if (SPACE.test(last)) return true;
  if (HYPHEN.test(last)) return WORD.test(beforeLast) && /\p{L}/u.test(first);
  if (SLASH.test(last)) return WORD.test(first) && WORD.test(beforeLast);
  return SPACELESS.test(last) || SPACELESS.test(first);
}

/** The last two characters, apart from marks on them. */
function lastTwo(text: string): [string, string] {
  const end = Array.from(text.slice(-64)).filter((character) => !/[\p{M}\u200d]/u.test(character));
  return [end.at(-2) ?? '', end.at(-1) ?? ''];
}

/** By the first character that has a direction. */
export function directionOf(text: string): 'ltr' | 'rtl' {
  for (const character of text) {
    if (RTL.test(character)) return 'rtl';
    if (STRONG.test(character)) return 'ltr';
  }
  return 'ltr';
}
