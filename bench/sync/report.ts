/** Writes the results: JSON, tables in docs/benchmarks.md and docs/overlay.md, and the histograms. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillIn } from '../report/markers.ts';
import { TAGGABLE_CODECS } from '#client/frame-sync/tag.ts';
import type { CodecRow } from './codecs.ts';
import type { CostRow } from './cost.ts';
import type { SyncFigures } from './figures.ts';
import type { LateRow } from './late.ts';
import { histograms } from './histogram.ts';
import type { BrowserName } from './pages.ts';
import { type Method, PAIRS, type Setting } from './rows.ts';

export interface SyncRow extends Setting, SyncFigures {
  readonly id: string;
  readonly method: Method;
  readonly at: string;
  /** The publisher's and the viewer's, with their versions. */
  readonly browsers: readonly string[];
}

export interface Report {
  readonly cores: number;
  readonly rows: readonly SyncRow[];
  readonly late: readonly LateRow[];
  readonly cost: readonly CostRow[];
  readonly codecs: readonly CodecRow[];
}

/** %. */
export const TARGET_EXACT = 99.5;
export const TARGET_MAX = 1;

const ROOT = join(import.meta.dirname, '../..');
const RESULT = join(ROOT, 'bench/results/sync.json');
const IMAGE = 'docs/images/sync.svg';

export function isMet({ exact, max }: SyncRow): boolean {
  return exact >= TARGET_EXACT && max <= TARGET_MAX;
}

export function earlier(): Report | undefined {
  if (!existsSync(RESULT)) return undefined;
  return JSON.parse(readFileSync(RESULT, 'utf8')) as Report;
}

export function writeReport(report: Report): void {
  mkdirSync(join(ROOT, 'docs/images'), { recursive: true });
  writeFileSync(RESULT, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(ROOT, IMAGE), histograms(report.rows));
  fillIn(join(ROOT, 'docs/benchmarks.md'), 'sync', details(report));
  if (report.codecs.length > 0) {
    fillIn(join(ROOT, 'docs/overlay.md'), 'sync-codecs', codecTable(report.codecs));
  }
}

/** A line per row, with all that was counted. */
function details(report: Report): string {
  const lines = report.rows.map(
    (row) =>
      `| ${pairOf(row)} | ${lineOf(row)} | ${row.layers} | ${methodOf(row)} | ${row.compared} | ${row.exact} % | ${row.p50} | ${row.p99} | ${row.max} | ${row.inTime} % | ${row.withOverlay} % | ${row.ownAtOnce} % | ${row.ownAtLast} % | ${row.unsure + row.unreadable} | ${row.method === 'tag' ? (isMet(row) ? 'yes' : '**no**') : ''} |`,
  );
  return [
    `Measured${dateOf(report.rows)} by \`npm run bench:sync\` on a machine of ${report.cores} cores that also ran both browsers (${browsersOf(report.rows)}).`,
    '',
    '| publisher → viewer | line | layers | method | frames | exact | p50 | p99 | max | in time | any overlay | own at once | own at last | left out | met |',
    '| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    ...lines,
    '',
    `![Error in frames of each method, on either line](images/sync.svg)`,
    ...lateTable(report.late),
    ...costTable(report.cost),
  ].join('\n');
}

function lateTable(rows: readonly LateRow[]): string[] {
  if (rows.length === 0) return [];
  return [
    '',
    'Analysis that takes 150 ± 100 ms and looks at one frame at a time, Chromium → Chromium; of the messages whose frame the viewer has shown, those that were on it:',
    '',
    '| line | in step | picture held back, ms | messages | when it appeared | before it went |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ line, inStep, heldBackMs, messages, atOnce, atLast }) =>
        `| ${lineOf({ line })} | ${inStep} | ${heldBackMs} | ${messages} | ${atOnce} % | ${atLast} % |`,
    ),
  ];
}

function costTable(rows: readonly CostRow[]): string[] {
  if (rows.length === 0) return [];
  return [
    '',
    'Processor time of all of a browser’s processes, with the tag and without; median of the runs, which took turns:',
    '',
    '| who | without, s/s | with, s/s | ratio | runs each |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ who, without, with: tagged, ratio, runs }) =>
        `| ${who} | ${without} | ${tagged} | ${ratio} | ${runs} |`,
    ),
  ];
}

function codecTable(rows: readonly CodecRow[]): string {
  const lines = rows.map(({ codec, browser, untagged, tags, takenOff, leftOn }) => {
    const tagged = TAGGABLE_CODECS.includes(`video/${codec.toLowerCase()}`) ? 'yes' : 'no';
    const counts = untagged === 0 ? ['–', '–', '–', '–'] : [untagged, tags, takenOff, leftOn];
    return `| ${codec} | ${nameOf(browser)} | ${counts.join(' | ')} | ${tagged} |`;
  });
  return [
    '| codec | browser | pictures without a tag | tags that arrive | pictures, tag taken off | pictures, tag left on | we tag it |',
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

/** The page takes the next best where a method has nothing to go by. */
function methodOf({ method, methods }: SyncRow): string {
  const used = Object.keys(methods).filter((name) => name !== method);
  return used.length === 0 ? method : `${method} (${used.join(', ')})`;
}

function pairOf({ pair }: Setting): string {
  return PAIRS[pair].map(nameOf).join(' → ');
}

function nameOf(browser: BrowserName): string {
  return browser === 'chromium' ? 'Chromium' : 'Firefox';
}

function lineOf({ line }: Pick<Setting, 'line'>): string {
  return line === 'direct' ? 'direct' : '50 ± 20 ms, 2 % loss';
}
