/**
 * npm run bench -- memory [--levels 100,200,300,400,500] [--contenders onecast,janus,pion] [--rounds 3]
 *   [--no-save]
 * What a viewer costs in memory: how the resident memory of the whole server rises with viewers.
 */
import { readFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Stage } from './fan-out/stage.ts';
import { Loadgen } from './loadgen/generator.ts';
import type { Contender } from './peers/broadcaster.ts';
import { contenderIds, Field, titlesOf } from './peers/contenders.ts';
import { medianOf, slopeOf } from './report/stats.ts';
import { fillIn } from './report/markers.ts';
import { levelsOf, machine, whole } from './report/options.ts';

/** Buffers for retransmission fill within a second or two. */
const SETTLE_MS = 2_500;
const ROOT = join(import.meta.dirname, '..');
const RESULTS = join(import.meta.dirname, 'results/memory.json');

interface Row {
  readonly contender: string;
  /** Median of the rounds' slopes, kB a viewer. */
  readonly perViewerKb: number;
  readonly rounds: readonly (readonly (readonly [viewers: number, megabytes: number])[])[];
}

interface Report {
  readonly at: string;
  readonly cores: number;
  readonly command: string;
  readonly titles: Readonly<Record<string, string>>;
  readonly levels: readonly number[];
  readonly rows: readonly Row[];
}

const { values } = parseArgs({
  allowNegative: true,
  options: {
    levels: { type: 'string', default: '100,200,300,400,500' },
    contenders: { type: 'string', default: 'onecast,janus,janus-installed,pion' },
    rounds: { type: 'string', default: '3' },
    save: { type: 'boolean', default: true },
  },
});
const levels = levelsOf(values.levels);
const rounds = whole('--rounds', values.rounds, 100);

const loadgen = await Loadgen.compile();
const field = await Field.prepare(contenderIds(values.contenders));
try {
  const rows: Row[] = [];
  for (const contender of field.contenders) rows.push(await measure(contender));
  const report: Report = {
    ...machine(['memory', ...process.argv.slice(2)]),
    titles: titlesOf(field),
    levels,
    rows,
  };
  console.log(`\n${markdown(report)}`);
  if (values.save) save(report);
} finally {
  field.close();
  loadgen.close();
}

async function measure(contender: Contender): Promise<Row> {
  const all: (readonly [number, number])[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const points: (readonly [number, number])[] = [];
    const stage = await Stage.open(loadgen, contender);
    try {
      for (const level of levels) {
        await stage.grow(level);
        await delay(SETTLE_MS);
        points.push([level, Math.round((stage.residentBytes / 1e6) * 100) / 100]);
      }
    } finally {
      await stage.close();
    }
    all.push(points);
    console.log(`${contender.title}: ${points.map(([n, mb]) => `${n}: ${mb} MB`).join(', ')}`);
  }
  const slopes = all.map((points) => slopeOf(points) * 1000);
  return { contender: contender.id, perViewerKb: Math.round(medianOf(slopes)), rounds: all };
}

function save(measured: Report): void {
  const before = existsSync(RESULTS)
    ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Report)
    : undefined;
  const kept = (before?.rows ?? []).filter(
    ({ contender }) => !measured.rows.some((row) => row.contender === contender),
  );
  const report = {
    ...measured,
    titles: { ...before?.titles, ...measured.titles },
    rows: [...measured.rows, ...kept],
  };
  writeFileSync(RESULTS, `${JSON.stringify(report, null, 2)}\n`);
  fillIn(join(ROOT, 'docs/benchmarks.md'), 'memory', markdown(report));
}

function markdown({ at, cores, command, titles, levels: used, rows }: Report): string {
  return [
    `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores: how resident memory of the whole server rises from ${used[0]} to ${used.at(-1)} viewers.`,
    '',
    '| server | kB a viewer | rounds |',
    '| --- | ---: | ---: |',
    ...rows.map(
      ({ contender, perViewerKb, rounds: { length } }) =>
        `| ${titles[contender] ?? contender} | ${perViewerKb} | ${length} |`,
    ),
  ].join('\n');
}
