/** Tables and the picture of the bench's join part. */
import { JOIN_STEPS, type JoinStep } from '#protocol/join-trace.ts';
import { medianOf, spreadOf } from '../report/stats.ts';
import type { Made } from '../report/options.ts';
import { plotOf } from '../report/plot.ts';
import type { Crowd } from './crowd.ts';
import type { PageJoin, Way } from './pages.ts';
import type { Rate } from './rate.ts';

export interface Report {
  pages?: Made & { readonly joins: readonly PageJoin[] };
  rate?: Made & { readonly rates: readonly Rate[] };
  joins?: Made & Crowd;
  crowd?: Made & Crowd;
}

const WAYS: Record<Way, string> = { ahead: 'ahead of the socket', socket: 'over the socket' };
/** p50, ms, by round trip time. */
const TARGETS: ReadonlyMap<number, number> = new Map([
  [0, 150],
  [50, 400],
  [150, 900],
]);

export function markdown({ pages, rate, joins, crowd }: Report): string {
  return [
    pages && `${headOf(pages)}\n\n${timesTable(pages.joins)}\n\n${stepsTable(pages.joins)}`,
    rate && `${headOf(rate)}\n\n${rateTable(rate.rates)}`,
    (joins ?? crowd) && crowdTable([joins, crowd].filter((part) => part !== undefined)),
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

function headOf({ at, cores, command }: Made): string {
  return `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores that also ran the other side.`;
}

function groups(joins: readonly PageJoin[]): (readonly [number, Way, readonly PageJoin[]])[] {
  const rtts = [...new Set(joins.map(({ rttMs }) => rttMs))].toSorted((a, b) => a - b);
  return rtts.flatMap((rtt) =>
    (['ahead', 'socket'] as const).map(
      (way) => [rtt, way, joins.filter((one) => one.rttMs === rtt && one.way === way)] as const,
    ),
  );
}

function timesTable(joins: readonly PageJoin[]): string {
  const rows = groups(joins).map(([rtt, way, own]) => {
    const { count, p50, p95, max } = spreadOf(
      own.map(({ trace }) => trace.steps.frame),
      1,
    );
    const outside = spreadOf(
      own.map(({ frameMs, scriptsMs }) => frameMs - scriptsMs),
      1,
    ).p50;
    const target = way === 'ahead' ? TARGETS.get(rtt) : undefined;
    const met = target === undefined ? '' : p50 <= target ? 'yes' : '**no**';
    return `| ${rtt} ms | ${WAYS[way]} | ${count} | ${p50} | ${p95} | ${max} | ${outside} | ${target ?? ''} | ${met} |`;
  });
  const trips = (['ahead', 'socket'] as const).flatMap((way) => {
    const found = tripsOf(joins, way);
    return found === undefined ? [] : [`${found.toFixed(1)} ${WAYS[way]}`];
  });
  return [
    '| round trip | joining | runs | p50 | p95 | max | from the last script’s arrival, p50 | target p50 | met |',
    '| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    ...rows,
    ...(trips.length > 0
      ? [
          '',
          `Round trips from the script’s start to the first frame, by how the median rises: ${trips.join(', ')}.`,
        ]
      : []),
  ].join('\n');
}

/** How much the median rises for each ms of the line: round trips, whatever they are for. */
function tripsOf(joins: readonly PageJoin[], way: Way): number | undefined {
  const own = groups(joins).filter(([, of, some]) => of === way && some.length > 0);
  const [first, last] = [own[0], own.at(-1)];
  if (!first || !last || first[0] === last[0]) return undefined;
  const median = (some: readonly PageJoin[]) =>
    medianOf(some.map(({ trace }) => trace.steps.frame));
  return (median(last[2]) - median(first[2])) / (last[0] - first[0]);
}

const STEP_TITLES: Record<JoinStep, string> = {
  asked: 'asks',
  answered: 'answer',
  'set-up': 'set up',
  ice: 'ICE',
  dtls: 'DTLS',
  packet: 'packet',
  frame: 'frame',
};

function stepMedian(joins: readonly PageJoin[], step: JoinStep): number {
  return spreadOf(
    joins.flatMap(({ trace }) => trace.steps[step] ?? []),
    1,
  ).p50;
}

function stepsTable(joins: readonly PageJoin[]): string {
  const titles = JOIN_STEPS.map((step) => STEP_TITLES[step]).join(' | ');
  return [
    'The traces of the same joins: when each step was reached, median, ms from the script’s start.',
    '',
    `| round trip | joining | ${titles} |`,
    `| ---: | --- |${' ---: |'.repeat(JOIN_STEPS.length)}`,
    ...groups(joins).map(
      ([rtt, way, own]) =>
        `| ${rtt} ms | ${WAYS[way]} | ${JOIN_STEPS.map((step) => stepMedian(own, step)).join(' | ')} |`,
    ),
  ].join('\n');
}

function rateTable(rates: readonly Rate[]): string {
  return [
    '| joining | joins/s | Node, ms of a core a join | media worker, ms | answer p50, ms | p95 | failed |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rates.map(
      ({ way, perSecond, nodeMs, workerMs, answerMs, errors }) =>
        `| ${WAYS[way]} | ${perSecond} | ${nodeMs} | ${workerMs} | ${answerMs.p50} | ${answerMs.p95} | ${errors.length} |`,
    ),
  ].join('\n');
}

function crowdTable(crowds: readonly (Made & Crowd)[]): string {
  const rows = crowds.flatMap(({ viewers, runs }) =>
    runs.map((run) => {
      const { seen, keyFrames, cpu, memoryKb, overtaken, withPackets } = run;
      const cost = (s: number) => ((s / viewers) * 1_000).toFixed(1);
      const figures = [
        viewers,
        viewers - withPackets,
        seen.packet.p50,
        seen.packet.p95,
        seen.packet.max,
        overtaken.max,
        (keyFrames.requests / keyFrames.seconds).toFixed(1),
        `${cost(cpu.server - cpu.workers)} + ${cost(cpu.workers)}`,
        `${memoryKb.node} + ${memoryKb.workers}`,
      ];
      return `| ${figures.join(' | ')} |`;
    }),
  );
  const commands = [...new Set(crowds.map(({ command }) => `\`${command}\``))].join(', ');
  return [
    `By ${commands}, a row for each run. First packet in ms from a viewer’s own start; overtaken: at most so many others asked later and had their answer earlier; cost and memory for each viewer, Node + media workers.`,
    '',
    '| viewers | failed | first packet p50 | p95 | max | overtaken | key-frame requests/s | cost, ms | memory, kB |',
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}

/** Where the time of a join goes as the line gets longer. */
export function plot({ pages }: Report): string | undefined {
  if (!pages) return undefined;
  // The first packet comes just before the first frame: two lines that nobody could tell apart.
  const steps = JOIN_STEPS.filter((step) => step !== 'packet').toReversed();
  const panels = (['ahead', 'socket'] as const).map((way) => {
    const own = groups(pages.joins).filter(([, of]) => of === way);
    return {
      title: `Joining ${WAYS[way]}: each step reached, ms (median)`,
      lines: steps.map((step) => ({
        name: STEP_TITLES[step],
        values: own.map(([, , joins]) => stepMedian(joins, step)),
      })),
    };
  });
  const rtts = [...new Set(pages.joins.map(({ rttMs }) => rttMs))].toSorted((a, b) => a - b);
  if (rtts.length < 2) return undefined;
  return plotOf(
    'From the script’s start to the first frame, by the line’s round trip, ms',
    rtts,
    panels,
  );
}
