/** The summary of fan-out, its tables and its plot. */
import { measuredBy, type Output, type Provenance } from '../part.ts';
import { plotOf } from '../report/plot.ts';
import { forStorage } from '../report/stats.ts';
import type { PaceName } from '../stages/load-stage.ts';
import { LATE_MS, type Ramp } from './ramp.ts';
import type { Rounds, RoundsCell } from './rounds.ts';
import { TARGET_LEVEL, type TargetRatio, targetRatios } from './targets.ts';

type CostCell = Pick<
  RoundsCell,
  'contender' | 'pace' | 'viewers' | 'cpuPerPacketUs' | 'timesFloor' | 'lost'
>;

interface Cost {
  readonly cells: readonly CostCell[];
  readonly floors: Rounds['floors'];
  readonly targets: readonly TargetRatio[];
  readonly failures: readonly string[];
}

export interface FanOutSummary {
  /** Titles of the contenders by their ids. */
  readonly titles: Readonly<Record<string, string>>;
  readonly cost?: Provenance & Cost;
  readonly carried?: Provenance & { readonly ramps: readonly Ramp[] };
}

type Titles = FanOutSummary['titles'];

export const PACE_TITLES: Readonly<Record<PaceName, string>> = {
  bursty: 'a frame at once',
  paced: 'as a browser paces',
};

export function costOf({ cells, floors, failures }: Rounds): Cost {
  return {
    cells: cells.map(({ contender, pace, viewers, cpuPerPacketUs, timesFloor, lost }) => ({
      contender,
      pace,
      viewers,
      cpuPerPacketUs: forStorage(cpuPerPacketUs),
      timesFloor: forStorage(timesFloor),
      lost,
    })),
    floors: floors.map(({ viewers, us }) => ({ viewers, us: forStorage(us) })),
    targets: targetRatios(cells),
    failures,
  };
}

export function outputs(summary: FanOutSummary): Output[] {
  const { titles, cost } = summary;
  return [
    { file: 'docs/benchmarks.md', marker: 'fan-out', markdown: markdown(summary) },
    ...(cost ? [{ file: 'docs/images/fan-out.svg', svg: plot(titles, cost) }] : []),
  ];
}

function markdown({ cost, carried, titles }: FanOutSummary): string {
  const failures = cost?.failures ?? [];
  return [
    ...(cost
      ? [measuredBy(cost), costTables(titles, cost), targetTable(titles, cost.targets)]
      : []),
    ...(failures.length > 0
      ? [`Runs that failed:\n\n${failures.map((failure) => `- ${failure}`).join('\n')}`]
      : []),
    ...(carried ? [measuredBy(carried), rampTable(titles, carried.ramps)] : []),
  ].join('\n\n');
}

function costTables(titles: Titles, { cells, floors }: Cost): string {
  const levels = floors.map(({ viewers }) => viewers);
  const paces = [...new Set(cells.map(({ pace }) => pace))];
  return paces
    .map((pace) => {
      const own = cells.filter((cell) => cell.pace === pace);
      const ids = [...new Set(own.map(({ contender }) => contender))];
      const row = (id: string) => levels.map((viewers) => costCell(own, id, viewers)).join(' | ');
      const floorRow = floors.map(({ us }) => us.toFixed(1)).join(' | ');
      return [
        `Processor time per forwarded packet, ${PACE_TITLES[pace]}: µs, and in brackets the ratio to the floor.`,
        '',
        `| viewers | ${levels.join(' | ')} |`,
        `| --- | ${levels.map(() => '---:').join(' | ')} |`,
        ...ids.map((id) => `| ${titles[id] ?? id} | ${row(id)} |`),
        `| floor: encrypt and send | ${floorRow} |`,
      ].join('\n');
    })
    .join('\n\n');
}

/** A star where packets were lost, because the value is then less certain. */
function costCell(cells: readonly CostCell[], contender: string, viewers: number): string {
  const cell = cells.find((one) => one.contender === contender && one.viewers === viewers);
  if (!cell) return '–';
  const star = cell.lost > 0 ? '\\*' : '';
  return `${cell.cpuPerPacketUs.toFixed(1)} (${cell.timesFloor.toFixed(1)})${star}`;
}

function targetTable(titles: Titles, targets: readonly TargetRatio[]): string {
  return [
    `Against the others with ${TARGET_LEVEL} viewers: medians of the ratios within each round.`,
    '',
    '| server | pace | against | ratio | target | met |',
    '| --- | --- | --- | ---: | ---: | --- |',
    ...targets.map(({ contender, pace, against, most, ratio }) => {
      const words = [
        titles[contender] ?? contender,
        PACE_TITLES[pace],
        titles[against] ?? 'the floor',
      ];
      const met = ratio <= most ? 'yes' : '**no**';
      return `| ${[...words, ratio.toFixed(2), `≤ ${most}`, met].join(' | ')} |`;
    }),
  ].join('\n');
}

function rampTable(titles: Titles, ramps: readonly Ramp[]): string {
  const columns = [false, true].flatMap((allCores) =>
    (['bursty', 'paced'] as const).map((pace) => ({ allCores, pace })),
  );
  const carried = (id: string) =>
    columns.map(({ allCores, pace }) => {
      const found = ramps.find(
        (one) => one.contender === id && one.pace === pace && one.allCores === allCores,
      );
      if (!found) return '–';
      return found.end === 'enough' ? `≥ ${found.carried}` : `${found.carried} (${found.end})`;
    });
  const ids = [...new Set(ramps.map(({ contender }) => contender))];
  const head = columns.map(
    ({ allCores, pace }) => `${allCores ? 'every core' : 'one core'}, ${PACE_TITLES[pace]}`,
  );
  return [
    `Viewers carried: the largest number of viewers that each got every packet, 99 of 100 within ${LATE_MS} ms. In brackets: why the measurement ended.`,
    '',
    `| server | ${head.join(' | ')} |`,
    `| --- | ${head.map(() => '---:').join(' | ')} |`,
    ...ids.map((id) => `| ${titles[id] ?? id} | ${carried(id).join(' | ')} |`),
  ].join('\n');
}

function plot(titles: Titles, { cells, floors }: Cost): string {
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
      // A line is drawn only if it has all its points.
      .filter(({ values }) => values.length === levels.length);
    return {
      title: `µs a packet, ${PACE_TITLES[pace]}`,
      lines: [...lines, { name: 'floor', values: floors.map(({ us }) => us) }],
    };
  });
  return plotOf('Processor time per forwarded packet by number of viewers', levels, panels);
}
