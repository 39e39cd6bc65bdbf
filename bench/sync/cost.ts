/** What the encoded transforms cost: processor time of the publisher's and the viewer's browser. */
import { setTimeout as delay } from 'node:timers/promises';
import { spreadOf } from '../report/stats.ts';
import { cpuSeconds } from '#testkit/processes.ts';
import { openSyncStage } from './stage.ts';

export interface CostRow {
  readonly who: 'publisher' | 'viewer';
  /** Processor seconds a second, of all the browser's processes; medians. */
  readonly without: number;
  readonly with: number;
  readonly ratio: number;
  readonly runs: number;
}

/** By then bandwidth estimation has raised the video to its full size. */
const WARM_UP_MS = 8_000;
const MEASURE_MS = 15_000;

type CostRun = Readonly<Record<CostRow['who'], number>>;

/** Chromium to Chromium, 960x540 in three layers. Runs with and without take turns. */
export async function measureCost(runs: number, log: (line: string) => void): Promise<CostRow[]> {
  const all: Record<'with' | 'without', CostRun[]> = { with: [], without: [] };
  for (let run = 1; run <= runs; run += 1) {
    for (const transforms of ['without', 'with'] as const) {
      const measured = await measure(transforms === 'with');
      all[transforms].push(measured);
      log(`cost, run ${run}, ${transforms}: ${JSON.stringify(measured)}`);
    }
  }
  return (['publisher', 'viewer'] as const).map((who) => {
    const median = (kind: 'with' | 'without') =>
      spreadOf(
        all[kind].map((each) => each[who]),
        1_000,
      ).p50;
    return {
      who,
      without: median('without'),
      with: median('with'),
      ratio: Math.round((median('with') / median('without')) * 100) / 100,
      runs,
    };
  });
}

async function measure(transforms: boolean): Promise<CostRun> {
  const stage = await openSyncStage({
    publisher: 'chromium',
    viewer: 'chromium',
    layers: 'switching',
    link: undefined,
    transforms,
  });
  try {
    await delay(WARM_UP_MS);
    const { publisher, viewer } = stage.browsers;
    const used = () => [cpuSeconds(publisher.pids), cpuSeconds(viewer.pids)] as const;
    const started = performance.now();
    const before = used();
    await delay(MEASURE_MS);
    const after = used();
    const seconds = (performance.now() - started) / 1_000;
    const share = (i: 0 | 1) => Math.round(((after[i] - before[i]) / seconds) * 1_000) / 1_000;
    return { publisher: share(0), viewer: share(1) };
  } finally {
    await stage.close();
  }
}
