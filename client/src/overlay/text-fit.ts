/** What is needed of a 2D context, with its font set. */
type Measure = Pick<CanvasRenderingContext2D, 'measureText'>;

/** Cuts a text that is wider than `room` and ends it with an ellipsis. */
export function shorten(context: Measure, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  const characters = Array.from(text);
  let [fits, tooMany] = [0, characters.length];
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    const width = context.measureText(`${characters.slice(0, middle).join('')}…`).width;
    if (width <= room) fits = middle;
    else tooMany = middle;
  }
  return `${characters.slice(0, fits).join('').trimEnd()}…`;
}

/** Breaks at new lines and, where a line is wider than `room`, at spaces; the last line is cut. */
export function wrapText(context: Measure, text: string, room: number, maxLines: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/\s+/)) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (line !== '' && context.measureText(longer).width > room) {
        lines.push(line);
        line = word;
      } else {
        line = longer;
      }
    }
    lines.push(line);
  }
  if (lines.length > maxLines) {
    const rest = lines.splice(maxLines - 1).join(' ');
    lines.push(rest);
  }
  return lines.map((line) => shorten(context, line, room));
}
