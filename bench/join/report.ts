/** The summary of the bench's join part, its tables and its plot. */
import { JOIN_STEPS, type JoinStep } from '#protocol/join-trace.ts';
import type { Output, Provenance } from '../part.ts';
import { plotOf } from '../report/plot.ts';
import { hundredth, medianOf, spreadOf } from '../report/stats.ts';
import type { Crowd } from './crowd.ts';
import type { JoinWay, PageJoin } from './pages.ts';
import type { JoinRate } from './rate.ts';

/** The joins with one round-trip time and one way to join. All times in ms. */
interface PagesRow {
  readonly rttMs: number;
  readonly way: JoinWay;
  readonly runs: number;
  /** From the start of the page's script to the first frame. */
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** Median from the arrival of the last script to the first frame, measured from outside. */
  readonly fromLastScript: number;
  /** Medians from the start of the page's script to each step. */
  readonly steps: Readonly<Record<JoinStep, number>>;
}

interface PagesSummary {
  readonly rows: readonly PagesRow[];
  /** Growth of the median per ms of round-trip time: the number of round trips of a join. */
  readonly roundTrips: Partial<Record<JoinWay, number>>;
}

export interface JoinSummary {
  pages?: Provenance & PagesSummary;
  rate?: Provenance & { readonly rates: readonly JoinRate[] };
  joins?: Provenance & Crowd;
  crowd?: Provenance & Crowd;
}

const WAYS = ['ahead', 'socket'] as const;
const WAY_TITLES: Record<JoinWay, string> = {
  ahead: 'ahead of the socket',
  socket: 'over the socket',
};
/** p50, ms, by round-trip time. */
const TARGETS: ReadonlyMap<number, number> = new Map([
  [0, 150],
  [50, 400],
  [150, 900],
]);

export function pagesSummary(joins: readonly PageJoin[]): PagesSummary {
  const rtts = [...new Set(joins.map(({ rttMs }) => rttMs))].toSorted((a, b) => a - b);
  const rows = rtts.flatMap((rttMs) =>
    WAYS.map((way) =>
      rowOf(
        joins.filter((one) => one.rttMs === rttMs && one.way === way),
        rttMs,
        way,
      ),
    ),
  );
  const roundTrips = WAYS.flatMap((way) => {
    const found = roundTripsOf(joins.filter((one) => one.way === way));
    return found === undefined ? [] : [[way, hundredth(found)] as const];
  });
  return { rows, roundTrips: Object.fromEntries(roundTrips) };
}

function rowOf(joins: readonly PageJoin[], rttMs: number, way: JoinWay): PagesRow {
  const { p50, p95, max } = spreadOf(
    joins.map(({ trace }) => trace.steps.frame),
    1,
  );
  const median = (values: readonly number[]) => spreadOf(values, 1).p50;
  const steps = JOIN_STEPS.map(
    (step) => [step, median(joins.flatMap(({ trace }) => trace.steps[step] ?? []))] as const,
  );
  return {
    rttMs,
    way,
    runs: joins.length,
    p50,
    p95,
    max,
    fromLastScript: median(joins.map(({ frameMs, scriptsMs }) => frameMs - scriptsMs)),
    steps: Object.fromEntries(steps) as Record<JoinStep, number>,
  };
}

function roundTripsOf(joins: readonly PageJoin[]): number | undefined {
  const rtts = joins.map(({ rttMs }) => rttMs);
  const [least, most] = [Math.min(...rtts), Math.max(...rtts)];
  if (joins.length === 0 || least === most) return undefined;
  const median = (rtt: number) =>
    medianOf(joins.filter(({ rttMs }) => rttMs === rtt).map(({ trace }) => trace.steps.frame));
  return (median(most) - median(least)) / (most - least);
}

export function outputs(summary: JoinSummary): Output[] {
  const svg = summary.pages && plot(summary.pages);
  return [
    { file: 'docs/benchmarks.md', marker: 'join', markdown: markdown(summary) },
    ...(svg ? [{ file: 'docs/images/join-times.svg', svg }] : []),
  ];
}

function markdown({ pages, rate, joins, crowd }: JoinSummary): string {
  return [
    pages && `${headOf(pages)}\n\n${timesTable(pages)}\n\n${stepsTable(pages)}`,
    rate && `${headOf(rate)}\n\n${rateTable(rate.rates)}`,
    (joins ?? crowd) && crowdTable([joins, crowd].filter((part) => part !== undefined)),
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

function headOf({ at, cores, command }: Provenance): string {
  return `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores that also ran the other side.`;
}

function timesTable({ rows, roundTrips }: PagesSummary): string {
  const lines = rows.map(({ rttMs, way, runs, p50, p95, max, fromLastScript }) => {
    const target = way === 'ahead' ? TARGETS.get(rttMs) : undefined;
    const met = target === undefined ? '' : p50 <= target ? 'yes' : '**no**';
    return `| ${rttMs} ms | ${WAY_TITLES[way]} | ${runs} | ${p50} | ${p95} | ${max} | ${fromLastScript} | ${target ?? ''} | ${met} |`;
  });
  const trips = WAYS.flatMap((way) => {
    const found = roundTrips[way];
    return found === undefined ? [] : [`${found.toFixed(1)} ${WAY_TITLES[way]}`];
  });
  return [
    '| round trip | joining | runs | p50 | p95 | max | after the last script, p50 | target p50 | met |',
    '| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    ...lines,
    ...(trips.length > 0
      ? [
          '',
          `Round trips from the script’s start to the first frame, computed from the slope of the median: ${trips.join(', ')}.`,
        ]
      : []),
  ].join('\n');
}

const STEP_TITLES: Record<JoinStep, string> = {
  asked: 'request',
  answered: 'answer',
  'set-up': 'set up',
  ice: 'ICE',
  dtls: 'DTLS',
  packet: 'packet',
  frame: 'frame',
};

function stepsTable({ rows }: PagesSummary): string {
  const titles = JOIN_STEPS.map((step) => STEP_TITLES[step]).join(' | ');
  return [
    'The traces of the same joins: median time of each step, ms from the script’s start.',
    '',
    `| round trip | joining | ${titles} |`,
    `| ---: | --- |${' ---: |'.repeat(JOIN_STEPS.length)}`,
    ...rows.map(
      ({ rttMs, way, steps }) =>
        `| ${rttMs} ms | ${WAY_TITLES[way]} | ${JOIN_STEPS.map((step) => steps[step]).join(' | ')} |`,
    ),
  ].join('\n');
}

function rateTable(rates: readonly JoinRate[]): string {
  return [
    '| joining | joins/s | Node, ms per join | media worker, ms | answer p50, ms | p95 | failed |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rates.map(
      ({ way, perSecond, nodeMs, workerMs, p50, p95, failed }) =>
        `| ${WAY_TITLES[way]} | ${perSecond} | ${nodeMs} | ${workerMs} | ${p50} | ${p95} | ${failed} |`,
    ),
  ].join('\n');
}

function crowdTable(crowds: readonly (Provenance & Crowd)[]): string {
  const rows = crowds.flatMap(({ viewers, runs }) =>
    runs.map((run) => {
      const cells = [
        viewers,
        run.failed,
        run.p50,
        run.p95,
        run.max,
        run.overtaken,
        run.keyFrameRequestsPerS.toFixed(1),
        `${run.nodeMs.toFixed(1)} + ${run.workerMs.toFixed(1)}`,
        `${run.memoryKb.node} + ${run.memoryKb.workers}`,
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  );
  const commands = [...new Set(crowds.map(({ command }) => `\`${command}\``))].join(', ');
  return [
    `By ${commands}, a row for each run. The first packet is in ms from a viewer’s own start. Overtaken is the largest number of viewers that sent their request later and got their answer earlier. Cost and memory are per viewer, Node + media workers.`,
    '',
    '| viewers | failed | first packet p50 | p95 | max | overtaken | key-frame requests/s | cost, ms | memory, kB |',
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}

/** When each step is reached, by the link's round-trip time. */
function plot({ rows }: PagesSummary): string | undefined {
  const rtts = [...new Set(rows.map(({ rttMs }) => rttMs))];
  if (rtts.length < 2) return undefined;
  // The first packet arrives just before the first frame: the two lines would look like one.
  const steps = JOIN_STEPS.filter((step) => step !== 'packet').toReversed();
  const panels = WAYS.map((way) => ({
    title: `Joining ${WAY_TITLES[way]}: each step reached, ms (median)`,
    lines: steps.map((step) => ({
      name: STEP_TITLES[step],
      values: rows.filter((row) => row.way === way).map((row) => row.steps[step]),
    })),
  }));
  return plotOf(
    'From the script’s start to the first frame, by the link’s round-trip time, ms',
    rtts,
    panels,
  );
}
