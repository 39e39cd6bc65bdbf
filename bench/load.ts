/**
 * npm run bench:load -- [--runs 5] [--viewers 200] [--cycles 10000] [--only swarm,browsers,churn]
 * The two rows of load in the table of targets, measured. Writes bench/results/load.json, where what
 * is not measured this time stays as it was, and churn.svg.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ChurnResult, churn } from './churn.ts';
import { lightSwarm, type LightSwarmResult } from './light-swarm.ts';
import { spreadOf, tableOf } from './report/stats.ts';
import { plotOf } from './report/plot.ts';
import type { Camera } from './swarm/measured-broadcast.ts';
import { type SwarmResult, swarm } from './swarm.ts';

interface Row {
  readonly scenario: string;
  readonly at: string;
  readonly cores: number;
  readonly unit: string;
  readonly runs: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly target: string;
  readonly met: boolean;
  readonly errors: number;
  readonly remarks: string;
  readonly details: unknown;
}

const RESULTS = join(import.meta.dirname, 'results');
const BROWSER_VIEWERS = 30;
const PARTS = ['swarm', 'browsers', 'churn'] as const;
type Part = (typeof PARTS)[number];

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    viewers: { type: 'string', default: '200' },
    cycles: { type: 'string', default: '10000' },
    only: { type: 'string', default: PARTS.join(',') },
  },
});
const runs = whole('runs', values.runs, 100);
const viewers = whole('viewers', values.viewers, 2_000);
const cycles = whole('cycles', values.cycles, 1_000_000);
const only = values.only.split(',').map(part);

const rows: Row[] = [];
if (only.includes('swarm')) {
  for (const camera of ['tiny', 'full'] as const) rows.push(await measureSwarm(camera));
}
if (only.includes('browsers')) rows.push(await measureBrowsers());
if (only.includes('churn')) rows.push(await measureChurn());

mkdirSync(RESULTS, { recursive: true });
const kept = earlierRows().filter(({ scenario }) => !rows.some((row) => row.scenario === scenario));
writeFileSync(join(RESULTS, 'load.json'), `${JSON.stringify([...kept, ...rows], null, 2)}\n`);
print(rows);
process.exitCode = rows.some(({ errors }) => errors > 0) ? 1 : 0;

async function measureSwarm(camera: Camera): Promise<Row> {
  const results: LightSwarmResult[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const result = await lightSwarm({ viewers, camera });
    results.push(result);
    say(`swarm, ${camera} camera, run ${run}: first packet ${JSON.stringify(result.seen.packet)}`);
    say(`  key frames ${JSON.stringify(result.keyFrames)}, cpu ${JSON.stringify(result.cpu)}`);
    for (const error of new Set(result.errors)) say(`  error: ${error}`);
  }
  const picture = camera === 'tiny' ? '160x90, one layer' : '960x540, three layers';
  return swarmRow(`${viewers} viewers join in a second (ICE, DTLS, SRTP; ${picture})`, results);
}

async function measureBrowsers(): Promise<Row> {
  const results: SwarmResult[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const result = await swarm({ viewers: BROWSER_VIEWERS });
    results.push(result);
    say(`browsers, run ${run}: first packet ${JSON.stringify(result.seen.packet)}`);
    say(`  key frames ${JSON.stringify(result.keyFrames)}, cpu ${JSON.stringify(result.cpu)}`);
    for (const error of new Set(result.errors)) say(`  error: ${error}`);
  }
  return swarmRow(`${BROWSER_VIEWERS} viewers in Chromium join in a second, decoding`, results);
}

function swarmRow(scenario: string, results: readonly (LightSwarmResult | SwarmResult)[]): Row {
  const spread = spreadOf(results.flatMap(({ packetMs }) => packetMs));
  const errors = results.reduce(
    (sum, { errors, viewers, packetMs }) =>
      sum + Math.max(errors.length, viewers - packetMs.length),
    0,
  );
  // The first one comes at once, so a stretch of n seconds holds one more than its rate says.
  const within = results.every(
    ({ keyFrames: { requests, seconds } }) => requests <= 1 + 2 * seconds,
  );
  const asked = results.map(
    ({ keyFrames: { requests, seconds } }) => `${requests} in ${seconds} s`,
  );
  const others = results.map(({ cpu: { others, wall } }) => Math.round((others / wall) * 100));
  return {
    scenario,
    ...here(),
    unit: 'ms to first packet',
    runs: results.length,
    ...pick(spread),
    target: 'p95 2000, key frames 1 + 2/s',
    met: errors === 0 && within && spread.p95 <= 2_000,
    errors,
    remarks: `key-frame requests ${asked.join(', ')}; processor taken by others ${others.join(' ')} %`,
    details: results.map((result) => ({ ...result, packetMs: undefined })),
  };
}

async function measureChurn(): Promise<Row> {
  const result = await churn({ cycles, say });
  for (const error of result.errors.slice(0, 10)) say(`  error: ${error}`);
  const { server, heap, workers } = result.slopePercent;
  const { before, after } = result;
  const left = after.sessions + after.rooms + after.routers + after.workerTransports;
  const leftTimers = Math.max(0, after.timers - before.timers);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'churn.svg'), churnPlot(result));
  return {
    scenario: `${cycles} joins and leaves`,
    ...here(),
    unit: '% growth of memory per 1,000',
    runs: 1,
    ...pick(spreadOf([server, heap, workers], 100)),
    target: 'maps empty, each below 1 %',
    met: left + leftTimers === 0 && Math.max(server, heap, workers) < 1,
    errors: result.errors.length,
    remarks: `growth of the server process ${server} %, its heap ${heap} %, the workers ${workers} %; left behind: ${left} objects, ${leftTimers} timers, ${result.openFiles.after - result.openFiles.before} files`,
    details: result,
  };
}

function churnPlot({ cycles, samples }: ChurnResult): string {
  const line = (name: string, pickFrom: (sample: (typeof samples)[number]) => number) => ({
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

function earlierRows(): Row[] {
  try {
    return JSON.parse(readFileSync(join(RESULTS, 'load.json'), 'utf8')) as Row[];
  } catch {
    return [];
  }
}

function here() {
  return { at: new Date().toISOString(), cores: availableParallelism() };
}

function pick({ p50, p95, max }: { p50: number; p95: number; max: number }) {
  return { p50, p95, max };
}

function print(all: readonly Row[]): void {
  const head = ['scenario', 'runs', 'p50', 'p95', 'max', 'unit', 'target', 'errors', 'met'];
  const cells = all.map((row) =>
    [row.scenario, row.runs, row.p50, row.p95, row.max, row.unit, row.target, row.errors]
      .map(String)
      .concat(row.met ? 'yes' : 'no'),
  );
  process.stdout.write(`\n${tableOf([head, ...cells])}\n`);
  for (const { scenario, remarks } of all) process.stdout.write(`\n${scenario}: ${remarks}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function part(name: string): Part {
  const known = PARTS.find((one) => one === name);
  if (!known) throw new Error(`--only takes ${PARTS.join(', ')}, not "${name}"`);
  return known;
}

function whole(name: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new Error(`--${name} is a whole number from 1 to ${max}, not "${text}"`);
}
