/** Writes the results of fan-out: JSON, the tables of docs/benchmarks.md, and a plot. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillIn } from '../report/markers.ts';
import type { Made } from '../report/options.ts';
import { plotOf } from '../report/plot.ts';
import type { Ramp } from './ramp.ts';
import { LATE_MS } from './ramp.ts';
import type { Cell, Rounds } from './rounds.ts';
import type { PaceName } from './stage.ts';
import { TARGET_LEVEL, targetRows } from './targets.ts';

export interface FanOut {
  /** Of the contenders. */
  readonly titles: Readonly<Record<string, string>>;
  readonly cost?: Made & { readonly rounds: Rounds };
  readonly carried?: Made & { readonly ramps: readonly Ramp[] };
}

const ROOT = join(import.meta.dirname, '../..');
const RESULTS = join(ROOT, 'bench/results/fan-out.json');
const PLOT = join(ROOT, 'docs/images/fan-out.svg');
const PACE_TITLES: Readonly<Record<PaceName, string>> = {
  bursty: 'a frame at once',
  paced: 'as a browser paces',
};

/** What is not measured this time stays as it was. */
export function saveFanOut(measured: FanOut): void {
  const before = existsSync(RESULTS)
    ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as FanOut)
    : undefined;
  const report: FanOut = {
    ...before,
    ...measured,
    titles: { ...before?.titles, ...measured.titles },
  };
  writeFileSync(RESULTS, `${JSON.stringify(report, null, 2)}\n`);
  if (report.cost) writeFileSync(PLOT, plot(report.titles, report.cost.rounds));
  fillIn(join(ROOT, 'docs/benchmarks.md'), 'fan-out', fanOutMarkdown(report));
}

export function fanOutMarkdown(report: FanOut): string {
  const { cost, carried, titles } = report;
  const faults = cost?.rounds.faults ?? [];
  return [
    ...(cost
      ? [measuredBy(cost), costTables(titles, cost.rounds), targetTable(titles, cost.rounds)]
      : []),
    ...(faults.length > 0
      ? [`Runs that failed:\n\n${faults.map((fault) => `- ${fault}`).join('\n')}`]
      : []),
    ...(carried ? [measuredBy(carried), rampTable(titles, carried.ramps)] : []),
  ].join('\n\n');
}

function measuredBy({ at, cores, command }: Made): string {
  return `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores.`;
}

type Titles = FanOut['titles'];

function costTables(titles: Titles, { cells, floors }: Rounds): string {
  const levels = floors.map(({ viewers }) => viewers);
  const paces = [...new Set(cells.map(({ pace }) => pace))];
  return paces
    .map((pace) => {
      const own = cells.filter((cell) => cell.pace === pace);
      const ids = [...new Set(own.map(({ contender }) => contender))];
      const row = (id: string) => levels.map((viewers) => costOf(own, id, viewers)).join(' | ');
      const floorRow = floors.map(({ us }) => us.toFixed(1)).join(' | ');
      return [
        `Processor time per forwarded packet, ${PACE_TITLES[pace]}: µs, and in brackets how many times the floor.`,
        '',
        `| viewers | ${levels.join(' | ')} |`,
        `| --- | ${levels.map(() => '---:').join(' | ')} |`,
        ...ids.map((id) => `| ${titles[id] ?? id} | ${row(id)} |`),
        `| floor: encrypt and send | ${floorRow} |`,
      ].join('\n');
    })
    .join('\n\n');
}

function targetTable(titles: Titles, rounds: Rounds): string {
  return [
    `Against the others with ${TARGET_LEVEL} viewers: medians of the ratios within each round.`,
    '',
    '| server | pace | against | ratio | target | met |',
    '| --- | --- | --- | ---: | ---: | --- |',
    ...targetRows(titles, PACE_TITLES, rounds),
  ].join('\n');
}

/** A star where packets were lost, and the figure says less. */
function costOf(cells: readonly Cell[], contender: string, viewers: number): string {
  const cell = cells.find((one) => one.contender === contender && one.viewers === viewers);
  if (!cell) return '–';
  const star = cell.lost > 0 ? '\\*' : '';
  return `${cell.cpuPerPacketUs.toFixed(1)} (${cell.timesFloor.toFixed(1)})${star}`;
}

function rampTable(titles: Titles, ramps: readonly Ramp[]): string {
  const columns = [false, true].flatMap((spreadOut) =>
    (['bursty', 'paced'] as const).map((pace) => ({ spreadOut, pace })),
  );
  const carried = (id: string) =>
    columns.map(({ spreadOut, pace }) => {
      const found = ramps.find(
        (one) => one.contender === id && one.pace === pace && one.spreadOut === spreadOut,
      );
      if (!found) return '–';
      return found.end === 'enough' ? `≥ ${found.carried}` : `${found.carried} (${found.end})`;
    });
  const ids = [...new Set(ramps.map(({ contender }) => contender))];
  const head = columns.map(
    ({ spreadOut, pace }) => `${spreadOut ? 'every core' : 'one core'}, ${PACE_TITLES[pace]}`,
  );
  return [
    `Viewers carried: the most of whom each got every packet, 99 of 100 within ${LATE_MS} ms. In brackets why it ended.`,
    '',
    `| server | ${head.join(' | ')} |`,
    `| --- | ${head.map(() => '---:').join(' | ')} |`,
    ...ids.map((id) => `| ${titles[id] ?? id} | ${carried(id).join(' | ')} |`),
  ].join('\n');
}

function plot(titles: Titles, { cells, floors }: Rounds): string {
  const levels = floors.map(({ viewers }) => viewers);
  const paces = [...new Set(cells.map(({ pace }) => pace))];
  const panels = paces.map((pace) => {
    const own = cells.filter((cell) => cell.pace === pace);
    const ids = [...new Set(own.map(({ contender }) => contender))];
    const lines = ids
      .map((id) => ({
        name: titles[id] ?? id,
        values: own.filter(({ contender }) => contender === id).map((cell) => cell.cpuPerPacketUs),
      }))
      // A line needs all its points.
      .filter(({ values }) => values.length === levels.length);
    return {
      title: `µs a packet, ${PACE_TITLES[pace]}`,
      lines: [...lines, { name: 'floor', values: floors.map(({ us }) => us) }],
    };
  });
  return plotOf('Processor time per forwarded packet by number of viewers', levels, panels);
}
