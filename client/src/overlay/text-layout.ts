import { directionOf, textBreaks } from './text-breaks.ts';

/** The part of a 2D context that text is measured with; its font is set. */
type Measure = Pick<CanvasRenderingContext2D, 'measureText' | 'direction'>;

/** One line as it is drawn. */
export interface Line {
  readonly text: string;
  readonly direction: 'ltr' | 'rtl';
}

/** Every line end of Unicode. */
const LINE_END = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/u;
/** Spaces that may be broken at, and tabs; they are shown as one space. */
const SPACES = /[^\S\u00a0\u202f\u2007]+/gu;
/** More characters than any room has pixels: the rest is not looked at. */
const WORTH_MEASURING = 4_000;

const breaks = textBreaks();

/** One line, cut with an ellipsis at the end of its reading direction where it is wider than `room`. */
export function shorten(context: Measure, text: string, room: number): Line {
  const direction = directionOf(text);
  context.direction = direction;
  return { text: cut(context, oneLine(text), room), direction };
}

/**
 * Breaks at new lines and, where a line is wider than `room`, where the script of the text allows it. A
 * word that is too wide for a line of its own is broken anywhere, but never within a character. The last
 * of `maxLines` is cut.
 */
export function wrapText(context: Measure, text: string, room: number, maxLines: number): Line[] {
  const lines: Line[] = [];
  const paragraphs = text.split(LINE_END).map(oneLine);
  for (const [i, paragraph] of paragraphs.entries()) {
    if (lines.length >= maxLines) break;
    const direction = directionOf(paragraph);
    context.direction = direction;
    const after = paragraphs.slice(i + 1).join(' ');
    const left = maxLines - lines.length;
    for (const line of wrapParagraph(context, paragraph, after, room, left)) {
      lines.push({ text: line, direction });
    }
  }
  return lines;
}

/** At most `maxLines` lines. The last one holds the rest and what comes `after` the paragraph, cut. */
function wrapParagraph(
  context: Measure,
  text: string,
  after: string,
  room: number,
  maxLines: number,
): string[] {
  const fits = (candidate: string) => context.measureText(candidate.trimEnd()).width <= room;
  const lines: string[] = [];
  const waiting = breaks.parts(text);
  let line = '';
  let at = 0;
  while (at < waiting.length && lines.length < maxLines - 1) {
    const part = waiting[at] ?? '';
    if (fits(line + part)) {
      line += part;
      at += 1;
    } else if (line !== '') {
      lines.push(line.trimEnd());
      line = '';
    } else {
      // Too wide for any line: what fits goes on this one, at least one character.
      const characters = breaks.graphemes(part);
      const count = Math.max(1, countFitting(context, characters, room, ''));
      lines.push(characters.slice(0, count).join(''));
      const left = characters.slice(count).join('');
      if (left === '') at += 1;
      else waiting[at] = left;
    }
  }
  const rest = line + waiting.slice(at).join('');
  const isLast = lines.length === maxLines - 1;
  if (isLast) lines.push(cut(context, after === '' ? rest : `${rest} ${after}`, room));
  else if (rest !== '' || lines.length === 0) lines.push(rest.trimEnd());
  return lines;
}

function cut(context: Measure, text: string, room: number): string {
  const whole = text.trimEnd();
  if (context.measureText(whole).width <= room) return whole;
  const characters = breaks.graphemes(whole.slice(0, WORTH_MEASURING));
  const count = countFitting(context, characters, room, '…');
  return `${characters.slice(0, count).join('').trimEnd()}…`;
}

/** How many of the characters fit, together with `ending`. */
function countFitting(
  context: Measure,
  characters: readonly string[],
  room: number,
  ending: string,
): number {
  let [fits, tooMany] = [0, characters.length + 1];
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    const { width } = context.measureText(characters.slice(0, middle).join('') + ending);
    if (width <= room) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

function oneLine(text: string): string {
  return text.replaceAll(SPACES, ' ').trimStart();
}
