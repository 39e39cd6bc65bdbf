/** Everything that can be measured: pairs of browsers, network links, layers and matching methods. */
import type { LinkQuality } from '#testkit/network/emulated-link.ts';
import type { BrowserName } from './pages.ts';
import type { Layers } from './stage.ts';

export const METHODS = ['newest', 'rtp', 'tag'] as const;
export type Method = (typeof METHODS)[number];

export const LINKS = {
  direct: undefined,
  poor: { delayMs: 50, jitterMs: 20, lossPercent: 2 },
} as const satisfies Record<string, LinkQuality | undefined>;
export type LinkName = keyof typeof LINKS;

export const LINK_TITLES: Readonly<Record<LinkName, string>> = {
  direct: 'direct',
  poor: '50 ± 20 ms, 2 % loss',
};

/** The publisher's and the viewer's browser. */
export const PAIRS = {
  cc: ['chromium', 'chromium'],
  cf: ['chromium', 'firefox'],
  fc: ['firefox', 'chromium'],
} as const satisfies Record<string, readonly [BrowserName, BrowserName]>;
export type PairName = keyof typeof PAIRS;

/** What stays the same while all methods are measured. */
export interface Setting {
  readonly pair: PairName;
  readonly link: LinkName;
  readonly layers: Layers;
}

export const SETTINGS: readonly Setting[] = (['cc', 'cf', 'fc'] as const).flatMap((pair) =>
  (['direct', 'poor'] as const).flatMap((link) =>
    (['single', 'switching'] as const).map((layers) => ({ pair, link, layers })),
  ),
);

export function rowId({ pair, link, layers }: Setting, method: Method): string {
  return `${pair}-${link}-${layers}-${method}`;
}

/**
 * Whether a pattern selects a row: `tag-poor,cc-newest` selects all rows with the tag over the poor
 * link, and all rows from Chromium to Chromium with the newest message.
 */
export function isWanted(id: string, patterns: readonly string[] | undefined): boolean {
  const parts = id.split('-');
  return (
    patterns === undefined ||
    patterns.some((pattern) => pattern.split('-').every((part) => parts.includes(part)))
  );
}
