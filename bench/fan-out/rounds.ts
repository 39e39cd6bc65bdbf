/** Measures every server at the same levels, in rounds, together with the floor of each round. */
import type { Loadgen } from '../loadgen/loadgen.ts';
import type { Contender } from '../peers/broadcaster.ts';
import { medianOf } from '../report/stats.ts';
import { type LoadMeasurement, LoadStage, PACES, type PaceName } from '../stages/load-stage.ts';

export interface RoundsOptions {
  readonly loadgen: Loadgen;
  readonly contenders: readonly Contender[];
  /** Numbers of viewers, ascending. */
  readonly levels: readonly number[];
  readonly paces: readonly PaceName[];
  readonly rounds: number;
  readonly windowMs: number;
  readonly log: (line: string) => void;
}

/** One server with one number of viewers at one pace: medians over the rounds. */
export interface RoundsCell {
  readonly contender: string;
  readonly pace: PaceName;
  readonly viewers: number;
  readonly cpuPerPacketUs: number;
  /** Median of the ratios to the floor of the same round. */
  readonly timesFloor: number;
  /** Delay, ms. */
  readonly p50: number;
  readonly p99: number;
  readonly lost: number;
  /** `cpuPerPacketUs` of each round, µs. */
  readonly values: readonly number[];
}

export interface Rounds {
  readonly cells: readonly RoundsCell[];
  /** Medians, µs a packet, by number of viewers. */
  readonly floors: readonly { readonly viewers: number; readonly us: number }[];
  /** A sentence for each server that failed in a round. */
  readonly failures: readonly string[];
}

const FLOOR_MS = 600;

interface RoundsRun extends LoadMeasurement {
  readonly contender: string;
  readonly pace: PaceName;
  readonly floorUs: number;
}

export async function measureRounds(options: RoundsOptions): Promise<Rounds> {
  const { loadgen, contenders, levels, rounds, log } = options;
  const runs: RoundsRun[] = [];
  const floors = levels.map((viewers) => ({ viewers, values: [] as number[] }));
  const failures: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { viewers, values } of floors) {
      values.push(await loadgen.floor(viewers, FLOOR_MS, PACES.bursty));
    }
    // Each server is the first of a round as often as the others.
    for (let i = 0; i < contenders.length; i += 1) {
      const contender = contenders[(i + round) % contenders.length];
      if (!contender) continue;
      try {
        await measureContender(options, contender, (run) => {
          const floorUs = floors.find(({ viewers }) => viewers === run.viewers)?.values[round] ?? 0;
          runs.push({ ...run, floorUs });
        });
      } catch (error) {
        failures.push(`round ${round + 1}, ${contender.title}: ${String(error)}`);
        log(`  failed: ${failures.at(-1)}`);
      }
    }
    log(
      `round ${round + 1} of ${rounds}, floor ${floors.map(({ values }) => values.at(-1)?.toFixed(1)).join(' ')} µs`,
    );
  }
  return {
    cells: cellsOf(options, runs),
    floors: floors.map(({ viewers, values }) => ({ viewers, us: medianOf(values) })),
    failures,
  };
}

async function measureContender(
  { loadgen, levels, paces, windowMs, log }: RoundsOptions,
  contender: Contender,
  add: (run: Omit<RoundsRun, 'floorUs'>) => void,
): Promise<void> {
  await LoadStage.run({ loadgen, contender }, async (stage) => {
    for (const level of levels) {
      await stage.grow(level);
      for (const pace of paces) {
        stage.setPace(pace);
        const measured = await stage.measure(windowMs);
        add({ ...measured, contender: contender.id, pace });
        const { cpuPerPacketUs, cores, p99, lost } = measured;
        log(
          `  ${contender.title}, ${level} ${pace}: ${cpuPerPacketUs.toFixed(1)} µs, ` +
            `${(cores * 100).toFixed(0)} % of a core, p99 ${p99.toFixed(1)} ms` +
            (lost > 0 ? `, ${lost} lost` : ''),
        );
      }
    }
  });
}

function cellsOf(
  { contenders, levels, paces }: RoundsOptions,
  runs: readonly RoundsRun[],
): RoundsCell[] {
  return contenders.flatMap(({ id }) =>
    paces.flatMap((pace) =>
      levels.flatMap((viewers) => {
        const own = runs.filter(
          (run) => run.contender === id && run.pace === pace && run.viewers === viewers,
        );
        if (own.length === 0) return [];
        const median = (pick: (run: RoundsRun) => number) => medianOf(own.map(pick));
        return [
          {
            contender: id,
            pace,
            viewers,
            cpuPerPacketUs: median((run) => run.cpuPerPacketUs),
            timesFloor: median((run) => run.cpuPerPacketUs / run.floorUs),
            p50: median(({ p50 }) => p50),
            p99: median(({ p99 }) => p99),
            lost: median(({ lost }) => lost),
            values: own.map((run) => run.cpuPerPacketUs),
          },
        ];
      }),
    ),
  );
}
