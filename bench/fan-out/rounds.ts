/** The same levels for every server, round after round, in turn, with the floor of each round. */
import type { Loadgen } from '../loadgen/generator.ts';
import type { Contender } from '../peers/broadcaster.ts';
import { medianOf } from '../report/stats.ts';
import { PACES, type PaceName, Stage, type Window } from './stage.ts';

export interface RoundsOptions {
  readonly loadgen: Loadgen;
  readonly contenders: readonly Contender[];
  readonly levels: readonly number[];
  readonly paces: readonly PaceName[];
  readonly rounds: number;
  readonly windowMs: number;
  readonly say: (line: string) => void;
}

/** Medians over the rounds of one server, number of viewers and pace. */
export interface Cell extends Omit<Window, 'messages' | 'messagesSent' | 'cpuPerMessageUs'> {
  readonly contender: string;
  readonly pace: PaceName;
  readonly rounds: number;
  /** Median of the ratios to the floor of the same round. */
  readonly timesFloor: number;
  readonly values: readonly number[];
}

export interface Rounds {
  readonly cells: readonly Cell[];
  /** Medians, µs a packet, by number of viewers. */
  readonly floors: readonly { readonly viewers: number; readonly us: number }[];
  readonly faults: readonly string[];
}

const FLOOR_MS = 600;

interface Run extends Window {
  readonly contender: string;
  readonly pace: PaceName;
  readonly floorUs: number;
}

export async function measureRounds(options: RoundsOptions): Promise<Rounds> {
  const { loadgen, contenders, levels, rounds, say } = options;
  const runs: Run[] = [];
  const floors = levels.map((viewers) => ({ viewers, values: [] as number[] }));
  const faults: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { viewers, values } of floors) {
      values.push(await loadgen.floor(viewers, FLOOR_MS, PACES.bursty));
    }
    // Nobody is always first.
    for (let i = 0; i < contenders.length; i += 1) {
      const contender = contenders[(i + round) % contenders.length];
      if (!contender) continue;
      try {
        await measureOne(options, contender, (run) => {
          const floorUs = floors.find(({ viewers }) => viewers === run.viewers)?.values[round] ?? 0;
          runs.push({ ...run, floorUs });
        });
      } catch (error) {
        faults.push(`round ${round + 1}, ${contender.title}: ${String(error)}`);
        say(`  failed: ${faults.at(-1)}`);
      }
    }
    say(
      `round ${round + 1} of ${rounds}, floor ${floors.map(({ values }) => values.at(-1)?.toFixed(1)).join(' ')} µs`,
    );
  }
  return {
    cells: cellsOf(options, runs),
    floors: floors.map(({ viewers, values }) => ({ viewers, us: medianOf(values) })),
    faults,
  };
}

async function measureOne(
  { loadgen, levels, paces, windowMs, say }: RoundsOptions,
  contender: Contender,
  add: (run: Omit<Run, 'floorUs'>) => void,
): Promise<void> {
  const stage = await Stage.open(loadgen, contender);
  try {
    for (const level of levels) {
      await stage.grow(level);
      for (const pace of paces) {
        stage.setPace(pace);
        const window = await stage.measure(windowMs);
        add({ ...window, contender: contender.id, pace });
        say(
          `  ${contender.title}, ${level} ${pace}: ${window.cpuPerPacketUs.toFixed(1)} µs, ` +
            `${(window.cores * 100).toFixed(0)} % of a core, p99 ${window.p99.toFixed(1)} ms` +
            (window.lost > 0 ? `, ${window.lost} lost` : ''),
        );
      }
    }
  } finally {
    await stage.close();
  }
}

function cellsOf({ contenders, levels, paces }: RoundsOptions, runs: readonly Run[]): Cell[] {
  return contenders.flatMap(({ id }) =>
    paces.flatMap((pace) =>
      levels.flatMap((viewers) => {
        const own = runs.filter(
          (run) => run.contender === id && run.pace === pace && run.viewers === viewers,
        );
        if (own.length === 0) return [];
        const median = (pick: (run: Run) => number) => medianOf(own.map(pick));
        return [
          {
            contender: id,
            pace,
            viewers,
            rounds: own.length,
            cpuPerPacketUs: median((run) => run.cpuPerPacketUs),
            timesFloor: median((run) => run.cpuPerPacketUs / run.floorUs),
            cores: median((run) => run.cores),
            packets: median((run) => run.packets),
            lost: median((run) => run.lost),
            probes: median((run) => run.probes),
            p50: median((run) => run.p50),
            p99: median((run) => run.p99),
            values: own.map((run) => Math.round(run.cpuPerPacketUs * 100) / 100),
          },
        ];
      }),
    ),
  );
}
