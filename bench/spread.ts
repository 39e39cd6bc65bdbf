/**
 * npm run bench -- spread [--levels 100,200,400,600,800,1000] [--rounds 5] [--window-ms 1500]
 *   [--no-save | --report]
 * One room on all cores of the machine against the same room on one media worker: its total cost, the
 * delay of packets, and the number of viewers from which the room spreads.
 */
import { availableParallelism } from 'node:os';
import { Loadgen } from './loadgen/loadgen.ts';
import { count, counts } from './options.ts';
import { measuredBy, type Provenance, provenance, runPart } from './part.ts';
import { OnecastServer } from './peers/onecast.ts';
import { forStorage, medianOf } from './report/stats.ts';
import { type LoadMeasurement, LoadStage } from './stages/load-stage.ts';

interface SpreadMeasurement extends LoadMeasurement {
  readonly workers: number;
  /** Viewers on each worker that has any, the largest number first. */
  readonly shares: readonly number[];
}

/** Medians over the rounds. */
interface SpreadCell {
  readonly cpuPerPacketUs: number;
  readonly p50: number;
  readonly p99: number;
  readonly lost: number;
}

interface SpreadRow {
  readonly viewers: number;
  readonly oneWorker: SpreadCell;
  readonly allWorkers: SpreadCell;
  /** Median of the viewers that were not on the worker with the most viewers. */
  readonly onOtherWorkers: number;
  /** Rounds in which the room had spread, of all rounds. */
  readonly spreadRounds: number;
  readonly rounds: number;
}

interface SpreadSummary extends Provenance {
  /** The larger number of workers: one for each core. */
  readonly workers: number;
  readonly rows: readonly SpreadRow[];
}

await runPart({
  name: 'spread',
  options: {
    levels: counts('100,200,400,600,800,1000', 3_000),
    rounds: count(5, 100),
    windowMs: count(1_500, 60_000),
  },
  async measure({ levels, rounds, windowMs }): Promise<SpreadSummary> {
    const all: SpreadMeasurement[] = [];
    const most = Math.max(2, availableParallelism());
    const loadgen = await Loadgen.compile();
    try {
      for (let round = 0; round < rounds; round += 1) {
        // Neither is first in every round.
        for (const workers of round % 2 === 0 ? [1, most] : [most, 1]) {
          all.push(...(await measureWorkers(loadgen, workers, levels, windowMs)));
        }
      }
    } finally {
      loadgen.close();
    }
    const rows = levels.map((viewers): SpreadRow => {
      const own = all.filter((one) => one.viewers === viewers);
      const spread = own.filter(({ workers }) => workers === most);
      return {
        viewers,
        oneWorker: cellOf(own.filter(({ workers }) => workers === 1)),
        allWorkers: cellOf(spread),
        onOtherWorkers: medianOf(spread.map(({ shares }) => viewers - (shares[0] ?? 0))),
        spreadRounds: spread.filter(({ shares }) => shares.length > 1).length,
        rounds: spread.length,
      };
    });
    return { ...provenance('spread'), workers: most, rows };
  },
  outputs: (summary) => [
    { file: 'docs/benchmarks.md', marker: 'spread', markdown: markdown(summary) },
  ],
});

async function measureWorkers(
  loadgen: Loadgen,
  workers: number,
  levels: readonly number[],
  windowMs: number,
): Promise<SpreadMeasurement[]> {
  let server: OnecastServer | undefined;
  const title = workers === 1 ? 'one worker' : `${workers} workers`;
  const contender = {
    id: title,
    title,
    start: async () => {
      server = await OnecastServer.start({ id: title, title, workers }, { core: undefined });
      return server;
    },
  };
  const all: SpreadMeasurement[] = [];
  await LoadStage.run({ loadgen, contender, allCores: true }, async (stage) => {
    for (const level of levels) {
      await stage.grow(level);
      const measured = await stage.measure(windowMs);
      const shares = [...(server?.viewersByPort.values() ?? [])].toSorted((a, b) => b - a);
      all.push({ ...measured, workers, shares });
      const { cpuPerPacketUs, p99, lost } = measured;
      console.log(
        `${title}, ${level}: ${cpuPerPacketUs.toFixed(1)} µs, p99 ${p99.toFixed(1)} ms, ` +
          `${shares.join(' + ')}${lost > 0 ? `, ${lost} lost` : ''}`,
      );
    }
  });
  return all;
}

function cellOf(all: readonly LoadMeasurement[]): SpreadCell {
  const median = (pick: (measured: LoadMeasurement) => number) =>
    forStorage(medianOf(all.map(pick)));
  return {
    cpuPerPacketUs: median((one) => one.cpuPerPacketUs),
    p50: median(({ p50 }) => p50),
    p99: median(({ p99 }) => p99),
    lost: median(({ lost }) => lost),
  };
}

function markdown({ workers, rows, ...summary }: SpreadSummary): string {
  const cells = ({ cpuPerPacketUs, p50, p99, lost }: SpreadCell) => [
    `${cpuPerPacketUs.toFixed(1)}${lost > 0 ? '\\*' : ''}`,
    p50.toFixed(1),
    p99.toFixed(1),
  ];
  return [
    `${measuredBy(summary, ' that also ran the load generator')} Medians; a star where packets were lost.`,
    '',
    `| viewers | one worker: µs a packet | p50, ms | p99, ms | up to ${workers} workers: µs a packet | p50, ms | p99, ms | viewers on other workers (runs in which the room had spread) |`,
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map(({ viewers, oneWorker, allWorkers, onOtherWorkers, spreadRounds, rounds }) => {
      const share = `${onOtherWorkers} (${spreadRounds} of ${rounds} runs)`;
      return `| ${[viewers, ...cells(oneWorker), ...cells(allWorkers), share].join(' | ')} |`;
    }),
  ].join('\n');
}
