/**
 * npm run bench -- data [--levels 10,100,200] [--rounds 5] [--window-ms 2000] [--no-save]
 * What a message of the overlay's data channel costs for each viewer who gets it: 200 bytes, 30 a
 * second, without a picture beside it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Stage, type Window } from './fan-out/stage.ts';
import { Loadgen } from './loadgen/generator.ts';
import { Field } from './peers/contenders.ts';
import { medianOf } from './report/stats.ts';
import { fillIn } from './report/markers.ts';
import { levelsOf, machine, whole } from './report/options.ts';

const BYTES = 200;
const PER_SECOND = 30;

interface Row {
  readonly contender: string;
  readonly viewers: number;
  readonly cpuPerMessageUs: number;
  readonly cores: number;
  readonly p50: number;
  readonly p99: number;
  /** Of those sent to every viewer; messages under way at either end of a window make it uncertain. */
  readonly deliveredShare: number;
  readonly values: readonly number[];
}

const { values } = parseArgs({
  allowNegative: true,
  options: {
    levels: { type: 'string', default: '10,100,200' },
    rounds: { type: 'string', default: '5' },
    'window-ms': { type: 'string', default: '2000' },
    save: { type: 'boolean', default: true },
  },
});
const levels = levelsOf(values.levels);
const rounds = whole('--rounds', values.rounds, 100);
const windowMs = whole('--window-ms', values['window-ms'], 60_000);

const loadgen = await Loadgen.compile();
const field = await Field.prepare(['onecast-data', 'pion-data']);
const windows: (Window & { readonly contender: string })[] = [];
try {
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of field.contenders) {
      const stage = await Stage.open(loadgen, contender);
      try {
        for (const level of levels) {
          await stage.grow(level);
          stage.onlyMessages(BYTES, PER_SECOND);
          const window = await stage.measure(windowMs);
          windows.push({ ...window, contender: contender.title });
          console.log(
            `${contender.title}, ${level}: ${window.cpuPerMessageUs.toFixed(1)} µs, p99 ${window.p99.toFixed(1)} ms, ` +
              `${window.messages} of ${window.messagesSent * level}`,
          );
        }
      } finally {
        await stage.close();
      }
    }
  }
} finally {
  field.close();
  loadgen.close();
}

const report = { ...machine(['data', ...process.argv.slice(2)]), rows: rows() };
console.log(`\n${markdown()}`);
if (values.save) {
  const results = join(import.meta.dirname, 'results/data.json');
  writeFileSync(results, `${JSON.stringify(report, null, 2)}\n`);
  fillIn(join(import.meta.dirname, '../docs/benchmarks.md'), 'data', markdown());
}

function rows(): Row[] {
  const names = [...new Set(windows.map(({ contender }) => contender))];
  return names.flatMap((name) => levels.map((level) => rowOf(name, level)));
}

function rowOf(contender: string, viewers: number): Row {
  const own = windows.filter((window) => {
    return window.contender === contender && window.viewers === viewers;
  });
  const median = (pick: (window: Window) => number) => medianOf(own.map(pick));
  return {
    contender,
    viewers,
    cpuPerMessageUs: median((window) => window.cpuPerMessageUs),
    cores: median((window) => window.cores),
    p50: median((window) => window.p50),
    p99: median((window) => window.p99),
    deliveredShare: median(({ messages, messagesSent }) => messages / (messagesSent * viewers)),
    values: own.map((window) => Math.round(window.cpuPerMessageUs * 100) / 100),
  };
}

function markdown(): string {
  const { at, cores, command, rows: all } = report;
  return [
    `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores. Medians of ${rounds} rounds.`,
    '',
    '| server | viewers | µs a delivered message | p50, ms | p99, ms |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...all.map(
      ({ contender, viewers, cpuPerMessageUs, p50, p99 }) =>
        `| ${contender} | ${viewers} | ${cpuPerMessageUs.toFixed(1)} | ${p50.toFixed(1)} | ${p99.toFixed(1)} |`,
    ),
  ].join('\n');
}
