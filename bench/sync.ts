/**
 * npm run bench:sync -- [--quick] [--frames 1000] [--rows tag-poor,cc-newest] [--only match,late,cost,codecs]
 * How many frames the overlay is off: the number on the picture that a viewer sees against the
 * number on the overlay drawn on it, by every way of matching, on two lines, in one layer and with
 * layers that switch, between Chromium and Firefox. Writes bench/results/sync.json, the tables in
 * docs/benchmarks.md and docs/overlay.md and docs/images/sync.svg; what is not measured keeps
 * the figures of the last time.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { networkUnavailable } from '#testkit/network/test-network.ts';
import { tableOf } from './report/stats.ts';
import { measureCodecs } from './sync/codecs.ts';
import { measureCost } from './sync/cost.ts';
import { figuresOf } from './sync/figures.ts';
import { measureLate } from './sync/late.ts';
import { measureMatch, overlayOn } from './sync/measure.ts';
import { earlier, isMet, type Report, type SyncRow, writeReport } from './sync/report.ts';
import { isWanted, LINES, METHODS, PAIRS, rowId, SETTINGS, type Setting } from './sync/rows.ts';
import { openStage } from './sync/stage.ts';

const PARTS = ['match', 'late', 'cost', 'codecs'] as const;
const COST_RUNS = 5;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    frames: { type: 'string' },
    rows: { type: 'string' },
    only: { type: 'string', default: PARTS.join(',') },
    // A folder for every frame seen and every message sent, a file per row.
    trace: { type: 'string' },
  },
});
const frames = Number(values.frames ?? (values.quick ? 300 : 1_000));
if (!Number.isInteger(frames) || frames < 30 || frames > 20_000) {
  throw new Error('--frames takes a whole number from 30 to 20000');
}
const patterns = values.rows?.split(',');
const only = values.only.split(',');
const unknown = only.find((part) => !PARTS.some((known) => known === part));
if (unknown !== undefined) throw new Error(`--only takes ${PARTS.join(', ')}, not "${unknown}"`);

const unavailable = networkUnavailable();
if (unavailable) throw new Error(`this bench needs a network of its own: ${unavailable}`);

const rows = new Map<string, SyncRow>();
const before = earlier();
for (const row of before?.rows ?? []) rows.set(row.id, row);

let late = before?.late ?? [];
let cost = before?.cost ?? [];
let codecs = before?.codecs ?? [];

for (const setting of only.includes('match') ? SETTINGS : []) {
  const methods = METHODS.filter((method) => isWanted(rowId(setting, method), patterns));
  if (methods.length > 0) await measure(setting, methods);
}
if (only.includes('late')) late = await measureLate(frames, say);
if (only.includes('cost')) {
  cost = await measureCost(values.quick ? 1 : COST_RUNS, say);
}
if (only.includes('codecs')) codecs = await measureCodecs(say);
const report = save();
print(report.rows);
process.exitCode = report.rows.every((row) => row.method !== 'tag' || isMet(row)) ? 0 : 1;

async function measure(setting: Setting, methods: readonly (typeof METHODS)[number][]) {
  const [publisher, viewer] = PAIRS[setting.pair];
  const stage = await openStage({
    publisher,
    viewer,
    layers: setting.layers,
    line: LINES[setting.line],
  });
  try {
    await overlayOn(stage);
    for (const method of methods) {
      const { seen, sent } = await measureMatch(stage, { method, frames, layers: setting.layers });
      const id = rowId(setting, method);
      if (values.trace) {
        writeFileSync(join(values.trace, `${id}.json`), JSON.stringify({ id, seen, sent }));
      }
      const row = {
        id,
        ...setting,
        method,
        at: new Date().toISOString(),
        browsers: Object.values(stage.browsers).map(({ version }) => version),
        ...figuresOf(seen, sent),
      };
      rows.set(id, row);
      say(
        `${id}: ${row.exact} % exact of ${row.compared}, ${JSON.stringify(row.histogram)}; late ${JSON.stringify(row.lateHistogram)}`,
      );
      save();
    }
  } finally {
    await stage.close();
  }
}

function save(): Report {
  const ordered = SETTINGS.flatMap((setting) =>
    METHODS.flatMap((method) => rows.get(rowId(setting, method)) ?? []),
  );
  const made: Report = {
    cores: availableParallelism(),
    rows: ordered,
    late,
    cost,
    codecs,
  };
  writeReport(made);
  return made;
}

function print(all: readonly SyncRow[]): void {
  const head = 'row,frames,exact %,p50,p99,max,in time %,any %,own %,at last %,left out'.split(',');
  const cells = all.map((row) =>
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
      row.unsure + row.unreadable,
    ].map(String),
  );
  process.stdout.write(`\n${tableOf([head, ...cells])}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
