/**
 * npm run bench -- spread [--levels 100,200,400,600,800,1000] [--rounds 5] [--window-ms 1500] [--no-save]
 * One room over the machine's cores against the same room on one worker: what it costs in all, how
 * late packets come, and from how many viewers on the room spreads.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PACES, type PaceName, Stage, type Window } from './fan-out/stage.ts';
import { Loadgen } from './loadgen/generator.ts';
import { OnecastServer } from './peers/onecast.ts';
import { medianOf } from './report/stats.ts';
import { fillIn } from './report/markers.ts';
import { levelsOf, machine, whole } from './report/options.ts';

interface Look extends Window {
  readonly workers: number;
  /** Viewers on each worker that has any, the fullest first. */
  readonly shares: readonly number[];
}

const { values } = parseArgs({
  allowNegative: true,
  options: {
    levels: { type: 'string', default: '100,200,400,600,800,1000' },
    rounds: { type: 'string', default: '5' },
    'window-ms': { type: 'string', default: '1500' },
    save: { type: 'boolean', default: true },
  },
});
const levels = levelsOf(values.levels);
const rounds = whole('--rounds', values.rounds, 100);
const windowMs = whole('--window-ms', values['window-ms'], 60_000);
const PACE: PaceName = 'bursty';
/** The second is one for each core. */
const WORKERS = [1, Math.max(2, availableParallelism())] as const;

const looks: Look[] = [];
const loadgen = await Loadgen.compile();
try {
  for (let round = 0; round < rounds; round += 1) {
    // Neither is always first.
    for (const workers of round % 2 === 0 ? WORKERS : WORKERS.toReversed()) await measure(workers);
  }
} finally {
  loadgen.close();
}
const report = { ...machine(['spread', ...process.argv.slice(2)]), pace: PACES[PACE], looks };
console.log(`\n${markdown()}`);
if (values.save) {
  const results = join(import.meta.dirname, 'results/spread.json');
  writeFileSync(results, `${JSON.stringify(report, null, 2)}\n`);
  fillIn(join(import.meta.dirname, '../docs/benchmarks.md'), 'spread', markdown());
}

async function measure(workers: number): Promise<void> {
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
  const stage = await Stage.open(loadgen, contender, true);
  try {
    stage.setPace(PACE);
    for (const level of levels) {
      await stage.grow(level);
      const window = await stage.measure(windowMs);
      const shares = [...(server?.viewersByPort.values() ?? [])].toSorted((a, b) => b - a);
      looks.push({ ...window, workers, shares });
      console.log(
        `${title}, ${level}: ${window.cpuPerPacketUs.toFixed(1)} µs, p99 ${window.p99.toFixed(1)} ms, ` +
          `${shares.join(' + ')}${window.lost > 0 ? `, ${window.lost} lost` : ''}`,
      );
    }
  } finally {
    await stage.close();
  }
}

function markdown(): string {
  const { at, cores, command } = report;
  const own = (workers: number, viewers: number) =>
    looks.filter((look) => look.workers === workers && look.viewers === viewers);
  const cells = (workers: number, viewers: number) => {
    const all = own(workers, viewers);
    const median = (pick: (look: Look) => number) => medianOf(all.map(pick)).toFixed(1);
    const lost = medianOf(all.map((look) => look.lost));
    return [
      `${median((look) => look.cpuPerPacketUs)}${lost > 0 ? '\\*' : ''}`,
      median(({ p50 }) => p50),
      median(({ p99 }) => p99),
    ];
  };
  const [one, many] = WORKERS;
  const rows = levels.map((viewers) => {
    const spread = own(many, viewers).map(({ shares }) => shares.length > 1);
    const others = medianOf(own(many, viewers).map(({ shares }) => viewers - (shares[0] ?? 0)));
    const share = `${others} (${spread.filter(Boolean).length} of ${spread.length} runs)`;
    return `| ${[viewers, ...cells(one, viewers), ...cells(many, viewers), share].join(' | ')} |`;
  });
  return [
    `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores that also ran the load generator. Medians; a star where packets were lost.`,
    '',
    `| viewers | one worker: µs a packet | p50, ms | p99, ms | up to ${many} workers: µs a packet | p50, ms | p99, ms | viewers on further workers (runs that had spread) |`,
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}
