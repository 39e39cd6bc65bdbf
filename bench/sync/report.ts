/** The summary of the sync part, its tables in docs/benchmarks.md and docs/overlay.md, and its plot. */
import { TAGGABLE_CODECS } from '#client/frame-sync/tag.ts';
import type { Output } from '../part.ts';
import type { CodecRow } from './codecs.ts';
import type { CostRow } from './cost.ts';
import type { FrameStats } from './frame-stats.ts';
import { histograms } from './histogram.ts';
import type { LateRow } from './late.ts';
import type { BrowserName } from './pages.ts';
import { LINK_TITLES, type Method, PAIRS, rowId, type Setting } from './rows.ts';

type ShownStats = Pick<
  FrameStats,
  | 'compared'
  | 'exact'
  | 'p50'
  | 'p99'
  | 'max'
  | 'inTime'
  | 'withOverlay'
  | 'ownAtOnce'
  | 'ownAtLast'
  | 'histogram'
>;

export interface SyncRow extends Setting, ShownStats {
  readonly id: string;
  readonly method: Method;
  /** ISO 8601. */
  readonly at: string;
  /** The publisher's and the viewer's, with versions. */
  readonly browsers: readonly string[];
  /** Frames that could not be read, or were perhaps read too late. */
  readonly leftOut: number;
  /** Other methods that the page used where this one found no frame. */
  readonly otherMethods: readonly string[];
}

export interface SyncSummary {
  readonly cores: number;
  readonly rows: readonly SyncRow[];
  readonly late: readonly LateRow[];
  readonly cost: readonly CostRow[];
  readonly codecs: readonly CodecRow[];
}

/** Exact frames, %. */
const TARGET_EXACT = 99.5;
/** Largest error, frames. */
const TARGET_MAX = 1;

export function syncRow(
  setting: Setting,
  method: Method,
  browsers: readonly string[],
  stats: FrameStats,
): SyncRow {
  return {
    id: rowId(setting, method),
    ...setting,
    method,
    at: new Date().toISOString(),
    browsers,
    compared: stats.compared,
    exact: stats.exact,
    p50: stats.p50,
    p99: stats.p99,
    max: stats.max,
    inTime: stats.inTime,
    withOverlay: stats.withOverlay,
    ownAtOnce: stats.ownAtOnce,
    ownAtLast: stats.ownAtLast,
    leftOut: stats.unsure + stats.unreadable,
    otherMethods: Object.keys(stats.methods).filter((name) => name !== method),
    histogram: stats.histogram,
  };
}

export function isMet({ exact, max }: SyncRow): boolean {
  return exact >= TARGET_EXACT && max <= TARGET_MAX;
}

export function outputs(summary: SyncSummary): Output[] {
  return [
    { file: 'docs/benchmarks.md', marker: 'sync', markdown: details(summary) },
    { file: 'docs/images/sync.svg', svg: histograms(summary.rows) },
    ...(summary.codecs.length > 0
      ? [{ file: 'docs/overlay.md', marker: 'sync-codecs', markdown: codecTable(summary.codecs) }]
      : []),
  ];
}

function details(report: SyncSummary): string {
  const lines = report.rows.map(
    (row) =>
      `| ${pairOf(row)} | ${LINK_TITLES[row.link]} | ${row.layers} | ${methodOf(row)} | ${row.compared} | ${row.exact} % | ${row.p50} | ${row.p99} | ${row.max} | ${row.inTime} % | ${row.withOverlay} % | ${row.ownAtOnce} % | ${row.ownAtLast} % | ${row.leftOut} | ${row.method === 'tag' ? (isMet(row) ? 'yes' : '**no**') : ''} |`,
  );
  return [
    `Measured${dateOf(report.rows)} by \`npm run bench:sync\` on a machine of ${report.cores} cores that also ran both browsers (${browsersOf(report.rows)}).`,
    '',
    '| publisher → viewer | link | layers | method | frames | exact | p50 | p99 | max | in time | any overlay | own at once | own at last | left out | met |',
    '| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    ...lines,
    '',
    `![Error in frames of each method, on both links](images/sync.svg)`,
    ...lateTable(report.late),
    ...costTable(report.cost),
  ].join('\n');
}

function lateTable(rows: readonly LateRow[]): string[] {
  if (rows.length === 0) return [];
  return [
    '',
    'Analysis of one frame at a time that takes 150 ± 100 ms, Chromium → Chromium. The percentages are the messages that were on their frame, of all messages whose frame the viewer has shown:',
    '',
    '| link | playout delay | delay, ms | messages | when it appeared | before it disappeared |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ link, playoutDelay, delayMs, messages, atOnce, atLast }) =>
        `| ${LINK_TITLES[link]} | ${playoutDelay} | ${delayMs} | ${messages} | ${atOnce} % | ${atLast} % |`,
    ),
  ];
}

function costTable(rows: readonly CostRow[]): string[] {
  if (rows.length === 0) return [];
  return [
    '',
    'Processor time of all processes of a browser, with the tag and without; medians of alternating runs:',
    '',
    '| browser of the | without, s/s | with, s/s | ratio | runs each |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ who, without, with: tagged, ratio, runs }) =>
        `| ${who} | ${without} | ${tagged} | ${ratio} | ${runs} |`,
    ),
  ];
}

function codecTable(rows: readonly CodecRow[]): string {
  const lines = rows.map(({ codec, browser, untagged, tags, stripped, unstripped }) => {
    const tagged = TAGGABLE_CODECS.includes(`video/${codec.toLowerCase()}`) ? 'yes' : 'no';
    const counts = untagged === 0 ? ['–', '–', '–', '–'] : [untagged, tags, stripped, unstripped];
    return `| ${codec} | ${nameOf(browser)} | ${counts.join(' | ')} | ${tagged} |`;
  });
  return [
    '| codec | browser | frames without a tag | tags that arrive | frames, tag stripped | frames, tag left on | tagged by Onecast |',
    '| --- | --- | ---: | ---: | ---: | ---: | --- |',
    ...lines,
  ].join('\n');
}

function browsersOf(rows: readonly SyncRow[]): string {
  return [...new Set(rows.flatMap(({ browsers }) => browsers))].sort().join(', ');
}

function dateOf(rows: readonly SyncRow[]): string {
  const newest = rows
    .map(({ at }) => at)
    .sort()
    .at(-1);
  return newest ? ` on ${newest.slice(0, 10)}` : '';
}

/** The page uses the next best method where the chosen one finds no frame. */
function methodOf({ method, otherMethods }: SyncRow): string {
  return otherMethods.length === 0 ? method : `${method} (${otherMethods.join(', ')})`;
}

function pairOf({ pair }: Setting): string {
  return PAIRS[pair].map(nameOf).join(' → ');
}

function nameOf(browser: BrowserName): string {
  return browser === 'chromium' ? 'Chromium' : 'Firefox';
}
