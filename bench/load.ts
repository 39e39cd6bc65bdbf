/**
 * npm run bench:load -- [--runs 5] [--viewers 200] [--cycles 10000] [--only swarm,browsers,churn]
 *   [--no-save | --report]
 * Joins by the hundred and by the thousand. What is not measured keeps its last values. The recovery
 * part shows these rows under its own table.
 */
import { availableParallelism } from 'node:os';
import type { Camera } from './swarm/measured-broadcast.ts';
import { type ChurnResult, churn, type MemorySample } from './churn.ts';
import { lightSwarm, type LightSwarmResult } from './light-swarm.ts';
import { count, names } from './options.ts';
import { type Output, runPart } from './part.ts';
import { plotOf } from './report/plot.ts';
import { spreadOf, tableOf } from './report/stats.ts';
import { type SwarmResult, swarm } from './swarm.ts';

export interface LoadRow {
  readonly scenario: string;
  readonly at: string;
  readonly cores: number;
  /** What the percentiles measure, with its unit. */
  readonly unit: string;
  readonly runs: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly target: string;
  readonly met: boolean;
  readonly errors: number;
  readonly remarks: string;
}

interface LoadSummary {
  readonly rows: readonly LoadRow[];
  /** Of the last churn; for its plot. */
  readonly churn?: Pick<ChurnResult, 'cycles' | 'samples'>;
}

const BROWSER_VIEWERS = 30;

await runPart({
  name: 'load',
  options: {
    runs: count(5, 100),
    viewers: count(200, 2_000),
    cycles: count(10_000, 1_000_000),
    only: names(['swarm', 'browsers', 'churn']),
  },
  async measure({ runs, viewers, cycles, only }, stored: LoadSummary | undefined) {
    const rows: LoadRow[] = [];
    let churned = stored?.churn;
    if (only.includes('swarm')) {
      for (const camera of ['tiny', 'full'] as const) {
        rows.push(await measureSwarm(runs, viewers, camera));
      }
    }
    if (only.includes('browsers')) rows.push(await measureBrowsers(runs));
    if (only.includes('churn')) {
      const result = await churn({ cycles, log });
      for (const error of result.errors.slice(0, 10)) log(`  error: ${error}`);
      rows.push(churnRow(result));
      churned = { cycles: result.cycles, samples: result.samples };
    }
    print(rows);
    if (rows.some(({ errors }) => errors > 0)) process.exitCode = 1;
    const others = (stored?.rows ?? []).filter(
      ({ scenario }) => !rows.some((row) => row.scenario === scenario),
    );
    return { rows: [...others, ...rows], ...(churned && { churn: churned }) };
  },
  outputs: ({ churn: churned }): Output[] =>
    churned ? [{ file: 'bench/results/churn.svg', svg: churnPlot(churned) }] : [],
});

async function measureSwarm(runs: number, viewers: number, camera: Camera): Promise<LoadRow> {
  const results: LightSwarmResult[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const result = await lightSwarm({ viewers, camera });
    results.push(result);
    logSwarm(`swarm, ${camera} camera, run ${run}`, result);
  }
  const video = camera === 'tiny' ? '160x90, one layer' : '960x540, three layers';
  return swarmRow(`${viewers} viewers join in a second (ICE, DTLS, SRTP; ${video})`, results);
}

async function measureBrowsers(runs: number): Promise<LoadRow> {
  const results: SwarmResult[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const result = await swarm({ viewers: BROWSER_VIEWERS });
    results.push(result);
    logSwarm(`browsers, run ${run}`, result);
  }
  return swarmRow(`${BROWSER_VIEWERS} viewers in Chromium join in a second, decoding`, results);
}

function logSwarm(name: string, result: LightSwarmResult | SwarmResult): void {
  log(`${name}: first packet ${JSON.stringify(result.seen.packet)}`);
  log(`  key frames ${JSON.stringify(result.keyFrames)}, cpu ${JSON.stringify(result.cpu)}`);
  for (const error of new Set(result.errors)) log(`  error: ${error}`);
}

function swarmRow(scenario: string, results: readonly (LightSwarmResult | SwarmResult)[]): LoadRow {
  const { p50, p95, max } = spreadOf(results.flatMap(({ packetMs }) => packetMs));
  const errors = results.reduce(
    (sum, { errors, viewers, packetMs }) =>
      sum + Math.max(errors.length, viewers - packetMs.length),
    0,
  );
  // The first request is sent at once, so n seconds contain one more than the rate says.
  const within = results.every(
    ({ keyFrames: { requests, seconds } }) => requests <= 1 + 2 * seconds,
  );
  const requested = results.map(
    ({ keyFrames: { requests, seconds } }) => `${requests} in ${seconds} s`,
  );
  const others = results.map(({ cpu: { others, wall } }) => Math.round((others / wall) * 100));
  return {
    scenario,
    ...here(),
    unit: 'ms to first packet',
    runs: results.length,
    p50,
    p95,
    max,
    target: 'p95 2000, key frames 1 + 2/s',
    met: errors === 0 && within && p95 <= 2_000,
    errors,
    remarks: `key-frame requests ${requested.join(', ')}; processor time of other programs ${others.join(' ')} %`,
  };
}

function churnRow(result: ChurnResult): LoadRow {
  const { server, heap, workers } = result.slopePercent;
  const { before, after, openFiles } = result;
  const left = after.sessions + after.rooms + after.routers + after.workerTransports;
  const leftTimers = Math.max(0, after.timers - before.timers);
  const { p50, p95, max } = spreadOf([server, heap, workers], 100);
  return {
    scenario: `${result.cycles} joins and leaves`,
    ...here(),
    unit: '% growth of memory per 1,000',
    runs: 1,
    p50,
    p95,
    max,
    target: 'maps empty, each below 1 %',
    met: left + leftTimers === 0 && Math.max(server, heap, workers) < 1,
    errors: result.errors.length,
    remarks: `growth of the server process ${server} %, its heap ${heap} %, the workers ${workers} %; left behind: ${left} objects, ${leftTimers} timers, ${openFiles.after - openFiles.before} files`,
  };
}

function churnPlot({ cycles, samples }: Pick<ChurnResult, 'cycles' | 'samples'>): string {
  const line = (name: string, pickFrom: (sample: MemorySample) => number) => ({
    name,
    values: samples.map(pickFrom),
  });
  return plotOf(
    `${cycles.toLocaleString('en')} joins and leaves`,
    samples.map((sample) => sample.cycles),
    [
      {
        title: 'Memory, MB',
        lines: [
          line('server process', (sample) => sample.serverMb),
          line('its heap', (sample) => sample.heapMb),
          line('media workers', (sample) => sample.workersMb),
        ],
      },
      {
        title: 'Sessions, rooms, routers and transports left after each grace',
        lines: [line('objects', (sample) => sample.objects)],
      },
    ],
  );
}

function here() {
  return { at: new Date().toISOString(), cores: availableParallelism() };
}

function print(rows: readonly LoadRow[]): void {
  const head = ['scenario', 'runs', 'p50', 'p95', 'max', 'unit', 'target', 'errors', 'met'];
  const cells = rows.map((row) =>
    [row.scenario, row.runs, row.p50, row.p95, row.max, row.unit, row.target, row.errors]
      .map(String)
      .concat(row.met ? 'yes' : 'no'),
  );
  process.stdout.write(`\n${tableOf([head, ...cells])}\n`);
  for (const { scenario, remarks } of rows) process.stdout.write(`\n${scenario}: ${remarks}\n`);
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}
