/**
 * npm run bench:recovery -- [--runs 20] [--only worker-kill,server-kill]
 * Causes each fault for real, over and over, and measures how long the picture is away. Writes
 * bench/results/recovery.json and .svg and the tables of docs/benchmarks.md and the README. With --only the rows that are
 * not measured keep the figures of the last time.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { networkUnavailable } from '#testkit/network/test-network.ts';
import { markdown, type Report, type Row, writeReport } from './recovery/report.ts';
import { SCENARIOS, type Scenario } from './recovery/scenarios.ts';
import { localStage, networkStage, settled, type Stage } from './recovery/stages.ts';
import { spreadOf, tenth } from './report/stats.ts';

const { values: options } = parseArgs({
  options: { runs: { type: 'string', default: '20' }, only: { type: 'string' } },
});
const runs = Number(options.runs);
if (!Number.isInteger(runs) || runs < 1 || runs > 1_000) {
  throw new Error('--runs takes a whole number from 1 to 1000');
}
const ids = options.only?.split(',') ?? SCENARIOS.map(({ id }) => id);
const unknown = ids.filter((id) => !SCENARIOS.some((scenario) => scenario.id === id));
if (unknown.length > 0) {
  const known = SCENARIOS.map(({ id }) => id).join(', ');
  throw new Error(`no such scenario: ${unknown.join(', ')}; there are ${known}`);
}

const folder = join(import.meta.dirname, 'results');
mkdirSync(folder, { recursive: true });
const file = join(folder, 'recovery.json');
const rows = new Map<string, Row>();
if (existsSync(file)) {
  const before = JSON.parse(readFileSync(file, 'utf8')) as Report;
  for (const row of before.rows) rows.set(row.id, row);
}

const unavailable = networkUnavailable();
if (unavailable) console.warn(`SKIPPED: the network faults. ${unavailable}`);

for (const kind of ['local', 'network'] as const) {
  const wanted = SCENARIOS.filter(({ id, stage }) => stage === kind && ids.includes(id));
  if (wanted.length === 0 || (kind === 'network' && unavailable)) continue;
  for (const scenario of wanted) {
    rows.set(scenario.id, await measure(scenario));
    save();
  }
}
const report = save();
console.log(`\n${markdown(report)}`);
process.exitCode = report.rows.some(({ errors }) => errors.length > 0) ? 1 : 0;

async function measure(scenario: Scenario): Promise<Row> {
  const count = Math.max(3, Math.round(runs * (scenario.share ?? 1)));
  const values: number[] = [];
  const errors: string[] = [];
  let stage: Stage | undefined;
  for (let i = 0; i < Math.min(count, Math.max(runs, 3)); i += 1) {
    try {
      stage ??= await (scenario.stage === 'local' ? localStage() : networkStage());
      await settled(stage);
      values.push(tenth(await scenario.run(stage)));
    } catch (error) {
      errors.push(String(error).slice(0, 500));
      // What a failed run left behind must not be measured by the next one.
      await stage?.close();
      stage = undefined;
    }
    process.stdout.write(`\r${scenario.id}: ${i + 1}/${count} `);
  }
  await stage?.close();
  const spread = spreadOf(values);
  process.stdout.write(`p50 ${spread.p50} ms, p95 ${spread.p95} ms, max ${spread.max} ms\n`);
  for (const error of errors) console.error(`  failed: ${error}`);
  return {
    id: scenario.id,
    fault: scenario.fault,
    measured: scenario.measured,
    targetMs: scenario.targetMs,
    met: errors.length === 0 && spread.p95 <= scenario.targetMs,
    ...spread,
    values,
    errors,
  };
}

function save(): Report {
  const ordered = SCENARIOS.flatMap(({ id }) => rows.get(id) ?? []);
  const done: Report = {
    at: new Date().toISOString(),
    cores: availableParallelism(),
    rows: ordered,
  };
  writeReport(done);
  return done;
}
