/** The error in frames as bars: a panel for each method and link, all browsers and layers together. */
import type { FrameStats } from './frame-stats.ts';
import { type LinkName, METHODS, type Method } from './rows.ts';

interface CountedRow extends Pick<FrameStats, 'histogram'> {
  readonly method: Method;
  readonly link: LinkName;
}

const WIDTH = 860;
const PANEL_WIDTH = 400;
const PANEL_HEIGHT = 130;
const TOP = 46;
const LEFT = 24;
/** Larger errors count in the outermost bars. */
const MOST = 8;
const COLOURS: Readonly<Record<Method, string>> = {
  newest: '#d97706',
  rtp: '#2563eb',
  tag: '#059669',
};
const LINKS: Readonly<Record<LinkName, string>> = {
  direct: 'direct link',
  poor: '50 ± 20 ms, 2 % loss',
};

export function histograms(rows: readonly CountedRow[]): string {
  const height = TOP + METHODS.length * PANEL_HEIGHT + 8;
  const panels = METHODS.flatMap((method, down) =>
    (['direct', 'poor'] as const).map((link, across) => {
      const errors = new Map<number, number>();
      for (const row of rows) {
        if (row.method !== method || row.link !== link) continue;
        for (const [error, count] of Object.entries(row.histogram)) {
          const bar = Math.max(-MOST, Math.min(MOST, Number(error)));
          errors.set(bar, (errors.get(bar) ?? 0) + count);
        }
      }
      const x = LEFT + across * (PANEL_WIDTH + 20);
      return panel(
        `${method}, ${LINKS[link]}`,
        errors,
        COLOURS[method],
        x,
        TOP + down * PANEL_HEIGHT,
      );
    }),
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">` +
    '<style>text{fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>' +
    '<text x="24" y="22" font-size="15" font-weight="600">Overlay behind (+) or ahead of (−) the frame it is drawn on, frames; share of frames, %</text>' +
    `${panels.join('')}</svg>\n`
  );
}

function panel(
  title: string,
  errors: ReadonlyMap<number, number>,
  colour: string,
  left: number,
  top: number,
): string {
  const total = [...errors.values()].reduce((sum, count) => sum + count, 0);
  const bottom = top + PANEL_HEIGHT - 34;
  const full = PANEL_HEIGHT - 64;
  const step = PANEL_WIDTH / (2 * MOST + 1);
  const bars = Array.from({ length: 2 * MOST + 1 }, (_, i) => i - MOST).map((error) => {
    const share = total === 0 ? 0 : (errors.get(error) ?? 0) / total;
    const x = left + (error + MOST) * step;
    const high = share * full;
    const figure =
      share === 0
        ? ''
        : `<text x="${(x + step / 2).toFixed(1)}" y="${(bottom - high - 3).toFixed(1)}" text-anchor="middle" font-size="9">${percentText(share)}</text>`;
    const label = Math.abs(error) === MOST ? `${error < 0 ? '≤−' : '≥'}${MOST}` : signed(error);
    return (
      `<rect x="${(x + 2).toFixed(1)}" y="${(bottom - high).toFixed(1)}" width="${(step - 4).toFixed(1)}" height="${Math.max(high, share > 0 ? 1 : 0).toFixed(1)}" fill="${colour}"/>` +
      `${figure}<text x="${(x + step / 2).toFixed(1)}" y="${bottom + 13}" text-anchor="middle" font-size="10">${label}</text>`
    );
  });
  return (
    `<text x="${left}" y="${top + 10}" font-weight="600">${title}: ${total.toLocaleString('en')} frames</text>` +
    `<path d="M${left} ${bottom}h${PANEL_WIDTH}" stroke="#8888"/>${bars.join('')}`
  );
}

function percentText(share: number): string {
  const percent = share * 100;
  if (percent >= 99.95 && share < 1) return (Math.floor(percent * 100) / 100).toFixed(2);
  return percent >= 10 ? percent.toFixed(1) : percent.toPrecision(2);
}

function signed(value: number): string {
  return value < 0 ? `−${-value}` : String(value);
}
