/** The summary of the recovery part, its tables in docs/benchmarks.md and the README, and its plot. */
import type { LoadRow } from '../load.ts';
import { type Output, type Provenance, readResults } from '../part.ts';
import type { Spread } from '../report/stats.ts';

/** All times in ms. */
export interface RecoveryRow extends Spread {
  readonly id: string;
  readonly fault: string;
  readonly measured: string;
  readonly targetMs: number;
  readonly met: boolean;
  /** Runs that gave no value. */
  readonly failed: number;
  /** One value for each run; the plot shows them all. */
  readonly values: readonly number[];
}

export interface RecoverySummary extends Omit<Provenance, 'command'> {
  readonly rows: readonly RecoveryRow[];
}

/** The rows that the README shows. */
const README_ROWS: readonly string[] = [
  'join',
  'socket-viewer-video',
  'viewer-reload',
  'publisher-reload',
  'viewer-address',
  'publisher-cut-5',
  'worker-kill',
  'server-kill',
];

export function outputs(summary: RecoverySummary): Output[] {
  return [
    { file: 'docs/benchmarks.md', marker: 'recovery', markdown: markdown(summary) },
    { file: 'README.md', marker: 'recovery', markdown: readmeTable(summary) },
    { file: 'bench/results/recovery.svg', svg: plot(summary.rows) },
  ];
}

/** The faults that happen most often. */
function readmeTable({ at, cores, rows }: RecoverySummary): string {
  const shown = rows.filter(({ id }) => README_ROWS.includes(id));
  return [
    `Measured on ${at.slice(0, 10)} on a machine of ${cores} cores that also ran both browsers. Seconds.`,
    '',
    '| what happens | what is measured | p50 | p95 |',
    '| --- | --- | ---: | ---: |',
    ...shown.map(
      ({ fault, measured, p50, p95 }) =>
        `| ${fault} | ${measured} | ${seconds(p50)} | ${seconds(p95)} |`,
    ),
  ].join('\n');
}

function markdown({ at, cores, rows }: RecoverySummary): string {
  const lines = rows.map(
    ({ fault, measured, count, p50, p95, max, targetMs, met, failed }) =>
      `| ${fault} | ${measured} | ${count}${failed > 0 ? ` (${failed} failed)` : ''} | ${seconds(p50)} | ${seconds(p95)} | ${seconds(max)} | ${seconds(targetMs)} | ${met ? 'yes' : '**no**'} |`,
  );
  return [
    `Measured on ${at.slice(0, 10)} by \`npm run bench:recovery\`, on a machine of ${cores} cores that also ran both browsers. Seconds.`,
    '',
    '| fault | measured | runs | p50 | p95 | max | target p95 | met |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |',
    ...lines,
    '',
    '![Every run of every fault as a dot on a time axis](../bench/results/recovery.svg)',
    ...underLoad(),
  ].join('\n');
}

/** The last results of bench:load, so that everything is in one place. */
function underLoad(): string[] {
  const load = readResults('load') as { readonly rows: readonly LoadRow[] } | undefined;
  if (!load) return [];
  return [
    '',
    'Under load, by `npm run bench:load`:',
    '',
    '| scenario | measured | runs | p50 | p95 | max | target | met |',
    '| --- | --- | ---: | ---: | ---: | ---: | --- | --- |',
    ...load.rows.map(
      ({ scenario, unit, runs, p50, p95, max, target, met }) =>
        `| ${scenario} | ${unit} | ${runs} | ${p50} | ${p95} | ${max} | ${target} | ${met ? 'yes' : '**no**'} |`,
    ),
  ];
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? (ms / 1_000).toFixed(2) : '–';
}

const WIDTH = 860;
const ROW = 26;
const LEFT = 300;
const RIGHT = 30;
const TOP = 46;
const TICKS = [10, 100, 1_000, 10_000];

/** A row per fault, a dot per run, a bar at the target; time on a logarithmic axis. */
function plot(rows: readonly RecoveryRow[]): string {
  const height = TOP + rows.length * ROW + 30;
  const [least, most] = [10, 20_000];
  const x = (ms: number) => {
    const share = Math.log(Math.min(most, Math.max(least, ms)) / least) / Math.log(most / least);
    return (LEFT + share * (WIDTH - LEFT - RIGHT)).toFixed(1);
  };
  const grid = TICKS.map(
    (ms) =>
      `<path d="M${x(ms)} ${TOP - 8}V${height - 24}" stroke="#8884"/><text x="${x(ms)}" y="${height - 8}" text-anchor="middle">${ms >= 1_000 ? `${ms / 1_000} s` : `${ms} ms`}</text>`,
  );
  const marks = rows.map((row, i) => {
    const y = TOP + i * ROW + ROW / 2;
    const dots = row.values.map(
      (ms) => `<circle cx="${x(ms)}" cy="${y}" r="3.5" fill="#2563eb" fill-opacity=".45"/>`,
    );
    const target = `<path d="M${x(row.targetMs)} ${y - 9}v18" stroke="#d97706" stroke-width="3"/>`;
    const label = `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${escaped(row.id)}</text>`;
    return `${label}${target}${dots.join('')}`;
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">` +
    '<style>text{fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>' +
    '<text x="12" y="22" font-size="15" font-weight="600">Recovery, every run (dot) and the target at p95 (bar)</text>' +
    `${grid.join('')}${marks.join('')}</svg>\n`
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
