/**
 * npm run bench -- recovery [--runs 20] [--only worker-kill,server-kill] [--no-save | --report]
 * Causes each fault for real, many times, and measures how long the video stands still. Rows that are
 * not measured keep their last values.
 */
import { availableParallelism } from 'node:os';
import { networkUnavailable } from '#testkit/network/test-network.ts';
import { count, names } from './options.ts';
import { runPart } from './part.ts';
import { outputs, type RecoveryRow, type RecoverySummary } from './recovery/report.ts';
import { DEVICE_SCENARIOS } from './recovery/device-scenarios.ts';
import { type Scenario, SCENARIOS as NETWORK_AND_SERVER } from './recovery/scenarios.ts';
import { type RecoveryStage, settled, STAGES } from './recovery/stages.ts';
import { spreadOf, tenth } from './report/stats.ts';

const SCENARIOS: readonly Scenario[] = [...NETWORK_AND_SERVER, ...DEVICE_SCENARIOS];

await runPart({
  name: 'recovery',
  options: { runs: count(20, 1_000), only: names(SCENARIOS.map(({ id }) => id)) },
  async measure({ runs, only }, stored: RecoverySummary | undefined, save) {
    const rows = new Map((stored?.rows ?? []).map((row) => [row.id, row]));
    const summary = (): RecoverySummary => ({
      at: new Date().toISOString(),
      cores: availableParallelism(),
      rows: SCENARIOS.flatMap(({ id }) => rows.get(id) ?? []),
    });
    const unavailable = networkUnavailable();
    if (unavailable) console.warn(`SKIPPED: the network faults. ${unavailable}`);
    for (const kind of ['local', 'devices', 'network'] as const) {
      if (kind === 'network' && unavailable) continue;
      for (const scenario of SCENARIOS) {
        if (scenario.stage !== kind || !only.includes(scenario.id)) continue;
        rows.set(scenario.id, await measure(scenario, runs));
        save(summary());
      }
    }
    const done = summary();
    if (done.rows.some(({ failed }) => failed > 0)) process.exitCode = 1;
    return done;
  },
  outputs,
});

async function measure(scenario: Scenario, runs: number): Promise<RecoveryRow> {
  const planned = Math.max(3, Math.round(runs * (scenario.share ?? 1)));
  const values: number[] = [];
  const errors: string[] = [];
  let stage: RecoveryStage | undefined;
  for (let i = 0; i < Math.min(planned, Math.max(runs, 3)); i += 1) {
    try {
      stage ??= await STAGES[scenario.stage]();
      await settled(stage);
      values.push(tenth(await scenario.run(stage)));
    } catch (error) {
      errors.push(String(error).slice(0, 500));
      // The next run must not measure what a failed run left behind.
      await stage?.close();
      stage = undefined;
    }
    process.stdout.write(`\r${scenario.id}: ${i + 1}/${planned} `);
  }
  await stage?.close();
  const spread = spreadOf(values);
  process.stdout.write(`p50 ${spread.p50} ms, p95 ${spread.p95} ms, max ${spread.max} ms\n`);
  for (const error of errors) console.error(`  failed: ${error}`);
  const { id, fault, measured, targetMs } = scenario;
  return {
    id,
    fault,
    measured,
    targetMs,
    met: errors.length === 0 && spread.p95 <= targetMs,
    ...spread,
    failed: errors.length,
    values,
  };
}
