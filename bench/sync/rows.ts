/** What can be measured: who publishes, who views, over which line, in which layers, matched how. */
import type { LinkQuality } from '#testkit/network/emulated-link.ts';
import type { BrowserName } from './pages.ts';
import type { Layers } from './stage.ts';

export const METHODS = ['newest', 'rtp', 'tag'] as const;
export type Method = (typeof METHODS)[number];

export const LINES = {
  direct: undefined,
  poor: { delayMs: 50, jitterMs: 20, lossPercent: 2 },
} as const satisfies Record<string, LinkQuality | undefined>;
export type LineName = keyof typeof LINES;

/** Who publishes to whom. */
export const PAIRS = {
  cc: ['chromium', 'chromium'],
  cf: ['chromium', 'firefox'],
  fc: ['firefox', 'chromium'],
} as const satisfies Record<string, readonly [BrowserName, BrowserName]>;
export type PairName = keyof typeof PAIRS;

/** All that is measured without another browser or line in between. */
export interface Setting {
  readonly pair: PairName;
  readonly line: LineName;
  readonly layers: Layers;
}

export const SETTINGS: readonly Setting[] = (['cc', 'cf', 'fc'] as const).flatMap((pair) =>
  (['direct', 'poor'] as const).flatMap((line) =>
    (['single', 'switching'] as const).map((layers) => ({ pair, line, layers })),
  ),
);

export function rowId({ pair, line, layers }: Setting, method: Method): string {
  return `${pair}-${line}-${layers}-${method}`;
}

/**
 * Whether a row is among those asked for: `tag-poor,cc-newest` are all with the tag over the poor
 * line, and all of Chromium to Chromium with the newest.
 */
export function isWanted(id: string, patterns: readonly string[] | undefined): boolean {
  const parts = id.split('-');
  return (
    patterns === undefined ||
    patterns.some((pattern) => pattern.split('-').every((part) => parts.includes(part)))
  );
}
