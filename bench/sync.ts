/**
 * npm run bench -- sync [--quick] [--frames 1000] [--rows tag-poor,cc-newest]
 *   [--only match,late,cost,codecs] [--trace FOLDER] [--no-save | --report]
 * By how many frames the overlay misses its frame: the number in the video that a viewer sees against
 * the number in the overlay drawn on it. With every matching method, on two network links, with one
 * layer and with layers that switch, between Chromium and Firefox. What is not measured keeps its last
 * values. `--trace` writes every seen frame and every sent message into a folder, a file per row.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { flag, names, type OptionValues, text } from './options.ts';
import { runPart } from './part.ts';
import { tableOf } from './report/stats.ts';
import { measureCodecs } from './sync/codecs.ts';
import { measureCost } from './sync/cost.ts';
import { frameStatsOf } from './sync/frame-stats.ts';
import { measureLate } from './sync/late.ts';
import { measureMatch, startOverlay } from './sync/measure.ts';
import { isMet, outputs, type SyncRow, type SyncSummary, syncRow } from './sync/report.ts';
import {
  isWanted,
  LINKS,
  METHODS,
  type Method,
  PAIRS,
  rowId,
  SETTINGS,
  type Setting,
} from './sync/rows.ts';
import { openSyncStage } from './sync/stage.ts';

const COST_RUNS = 5;
const FRAMES = { least: 30, most: 20_000, normal: 1_000, quick: 300 } as const;

const OPTIONS = {
  quick: flag(false),
  frames: text,
  rows: text,
  only: names(['match', 'late', 'cost', 'codecs']),
  trace: text,
};

await runPart({
  name: 'sync',
  options: OPTIONS,
  async measure(options, stored: SyncSummary | undefined, save): Promise<SyncSummary> {
    const { quick, only } = options;
    const frames = framesOf(options);
    const patterns = options.rows?.split(',');
    const rows = new Map((stored?.rows ?? []).map((row) => [row.id, row]));
    let { late = [], cost = [], codecs = [] } = stored ?? {};
    const summary = (): SyncSummary => ({
      cores: availableParallelism(),
      rows: SETTINGS.flatMap((setting) =>
        METHODS.flatMap((method) => rows.get(rowId(setting, method)) ?? []),
      ),
      late,
      cost,
      codecs,
    });
    for (const setting of only.includes('match') ? SETTINGS : []) {
      const methods = METHODS.filter((method) => isWanted(rowId(setting, method), patterns));
      if (methods.length === 0) continue;
      await measureSetting(setting, methods, frames, options.trace, (row) => {
        rows.set(row.id, row);
        save(summary());
      });
    }
    if (only.includes('late')) late = await measureLate(frames, log);
    if (only.includes('cost')) cost = await measureCost(quick ? 1 : COST_RUNS, log);
    if (only.includes('codecs')) codecs = await measureCodecs(log);
    const done = summary();
    print(done.rows);
    if (!done.rows.every((row) => row.method !== 'tag' || isMet(row))) process.exitCode = 1;
    return done;
  },
  outputs,
});

function framesOf({ frames, quick }: OptionValues<typeof OPTIONS>): number {
  const { least, most, normal } = FRAMES;
  const wanted = Number(frames ?? (quick ? FRAMES.quick : normal));
  if (Number.isInteger(wanted) && wanted >= least && wanted <= most) return wanted;
  throw new Error(`--frames takes a whole number from ${least} to ${most}`);
}

async function measureSetting(
  setting: Setting,
  methods: readonly Method[],
  frames: number,
  trace: string | undefined,
  done: (row: SyncRow) => void,
): Promise<void> {
  const [publisher, viewer] = PAIRS[setting.pair];
  const { layers } = setting;
  const stage = await openSyncStage({ publisher, viewer, layers, link: LINKS[setting.link] });
  try {
    await startOverlay(stage);
    for (const method of methods) {
      const { seen, sent } = await measureMatch(stage, { method, frames, layers });
      const id = rowId(setting, method);
      if (trace) writeFileSync(join(trace, `${id}.json`), JSON.stringify({ id, seen, sent }));
      const browsers = Object.values(stage.browsers).map(({ version }) => version);
      const stats = frameStatsOf(seen, sent);
      log(
        `${id}: ${stats.exact} % exact of ${stats.compared}, ${JSON.stringify(stats.histogram)}; late ${JSON.stringify(stats.lateHistogram)}`,
      );
      done(syncRow(setting, method, browsers, stats));
    }
  } finally {
    await stage.close();
  }
}

function print(rows: readonly SyncRow[]): void {
  const head = 'row,frames,exact %,p50,p99,max,in time %,any %,own %,at last %,left out'.split(',');
  const cells = rows.map((row) =>
    [
      row.id,
      row.compared,
      row.exact,
      row.p50,
      row.p99,
      row.max,
      row.inTime,
      row.withOverlay,
      row.ownAtOnce,
      row.ownAtLast,
      row.leftOut,
    ].map(String),
  );
  process.stdout.write(`\n${tableOf([head, ...cells])}\n`);
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}
