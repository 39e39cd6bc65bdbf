/** An SVG of lines over a common x axis, with a panel for each unit. */

export interface Panel {
  readonly title: string;
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[];
}

const WIDTH = 820;
const PANEL_HEIGHT = 170;
const LEFT = 64;
const RIGHT = 210;
const TOP = 34;
const BOTTOM = 26;
const COLOURS = ['#2563eb', '#d97706', '#059669', '#9333ea', '#db2777', '#0891b2', '#64748b'];

export function plotOf(title: string, xs: readonly number[], panels: readonly Panel[]): string {
  const height = 30 + panels.length * PANEL_HEIGHT;
  const lastX = xs.at(-1) ?? 1;
  const parts = panels.map((panel, row) => {
    const top = 30 + row * PANEL_HEIGHT + TOP;
    const bottom = 30 + (row + 1) * PANEL_HEIGHT - BOTTOM;
    const max = niceCeiling(Math.max(1, ...panel.lines.flatMap(({ values }) => values)));
    const x = (value: number) => LEFT + (value / lastX) * (WIDTH - LEFT - RIGHT);
    const y = (value: number) => bottom - (value / max) * (bottom - top);
    const grid = [0, max / 2, max].map(
      (value) =>
        `<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" stroke="#8884"/>` +
        `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text>`,
    );
    const ticks = [0, lastX / 2, lastX].map(
      (value) =>
        `<text x="${x(value)}" y="${bottom + 16}" text-anchor="middle">${value.toLocaleString('en')}</text>`,
    );
    const lines = panel.lines.map(({ name, values }, i) => {
      const colour = COLOURS[i % COLOURS.length];
      const points = values.map(
        (value, at) => `${x(xs[at] ?? 0).toFixed(1)},${y(value).toFixed(1)}`,
      );
      return (
        `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>` +
        `<text x="${WIDTH - RIGHT + 10}" y="${top + 12 + i * 18}" style="fill:${colour}">${name}</text>`
      );
    });
    return [
      `<text x="${LEFT}" y="${top - 10}" font-weight="600">${panel.title}</text>`,
      ...grid,
      ...ticks,
      ...lines,
    ].join('');
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">` +
    '<style>text{fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>' +
    `<text x="${LEFT}" y="20" font-size="14" font-weight="600">${title}</text>${parts.join('')}</svg>\n`
  );
}

/** 1, 2 or 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}
