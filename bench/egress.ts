/**
 * npm run bench -- egress [--rounds 5] [--levels 100,200] [--windows-us 0,1000,3000]
 *   [--congestion twcc] [--window-ms 1500] [--no-server] [--no-save]
 * What batched sending saves: a datagram by the ways to send it, and the whole product with it on and
 * off and with several coalescing windows.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { chooseEgress } from '#backend/media/workers/egress.ts';
import { readConfig } from '#config/env.ts';
import { LIMITS } from '#config/limits.ts';
import { measureRounds } from './fan-out/rounds.ts';
import { Loadgen } from './loadgen/generator.ts';
import type { Contender } from './peers/broadcaster.ts';
import { type Congestion, onecast } from './peers/onecast.ts';
import { medianOf, tableOf } from './report/stats.ts';
import { fillIn } from './report/markers.ts';
import { machine, type Made, whole } from './report/options.ts';

const { values } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '5' },
    levels: { type: 'string', default: '100,200' },
    'windows-us': { type: 'string', default: '0,1000,3000' },
    'window-ms': { type: 'string', default: '1500' },
    congestion: { type: 'string', default: 'twcc' },
    server: { type: 'boolean', default: true },
    save: { type: 'boolean', default: true },
  },
});
const rounds = whole('--rounds', values.rounds, 100);
const windowMs = whole('--window-ms', values['window-ms'], 60_000);
const levels = values.levels.split(',').map((level) => whole('--levels', level, 3_000));

const egress = await chooseEgress(readConfig(process.env), LIMITS);
if (egress.state === 'on') {
  const datagrams = await measureDatagrams();
  console.log(`µs of processor time per datagram\n${tableOf(datagrams)}`);
  const server = values.server ? await measureServer() : undefined;
  const report = { ...machine(['egress', ...process.argv.slice(2)]), datagrams, server };
  const tables = markdown(report);
  console.log(`\n${tables}`);
  if (values.save) {
    const file = join(import.meta.dirname, 'results/egress.json');
    writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
    fillIn(join(import.meta.dirname, '../docs/benchmarks.md'), 'egress', tables);
  }
} else {
  console.log(`Nothing to measure: batched sending is ${egress.state}.`);
}

/** Bursts for each destination: one datagram, five alike, five of which two are a byte larger. */
async function measureDatagrams(): Promise<string[][]> {
  const bursts = [
    ['1', '0'],
    ['5', '0'],
    ['5', '1'],
  ] as const;
  const preloaded = { LD_PRELOAD: readConfig(process.env).egressLibrary ?? '' };
  const ways = [
    { name: 'sendto', way: 'sendto', env: {} },
    { name: 'sendmmsg', way: 'sendmmsg', env: {} },
    { name: 'batched', way: 'sendto', env: preloaded },
  ];
  const folder = mkdtempSync(join(tmpdir(), 'onecast-egress-'));
  try {
    const program = join(folder, 'datagrams');
    const source = join(import.meta.dirname, 'egress/datagrams.c');
    await promisify(execFile)('cc', ['-O2', '-o', program, source]);
    const measured = ways.map(() => bursts.map(() => [] as number[]));
    for (let round = 0; round < rounds; round += 1) {
      for (const [w, { way, env }] of ways.entries()) {
        for (const [b, burst] of bursts.entries()) {
          const options = { env: { ...process.env, ...env } };
          const { stdout } = await promisify(execFile)(program, [way, ...burst], options);
          measured[w]?.[b]?.push(Number(stdout));
        }
      }
    }
    return [
      ['', 'one', 'five alike', 'five, a byte apart'],
      ...ways.map(({ name }, w) => [
        name,
        ...bursts.map((_, b) => medianOf(measured[w]?.[b] ?? []).toFixed(2)),
      ]),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Report extends Made {
  readonly datagrams: readonly (readonly string[])[];
  readonly server: Awaited<ReturnType<typeof measureServer>> | undefined;
}

function markdown({ at, cores, command, datagrams, server }: Report): string {
  const [head = [], ...ways] = datagrams;
  const lines = (rows: readonly (readonly string[])[]) =>
    rows.map((cells) => `| ${cells.join(' | ')} |`);
  const measured = `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores.`;
  const parts = [
    `${measured} A datagram by itself, processor time in µs, medians of ${rounds}:`,
    [...lines([head, head.map((_, i) => (i === 0 ? '---' : '---:'))]), ...lines(ways)].join('\n'),
  ];
  if (server) {
    const titles = ['viewers', 'pace', 'batched', 'µs a packet', 'of off', 'p50, ms', 'p99, ms'];
    const rows = server.rows
      .toSorted((a, b) => a.viewers - b.viewers || a.pace.localeCompare(b.pace))
      .map((row) => [
        `${row.viewers}`,
        row.pace === 'bursty' ? 'a frame at once' : 'as a browser paces',
        row.contender === 'off' ? 'off' : `window ${row.contender} µs`,
        row.cpuPerPacketUs.toFixed(1),
        row.ofOff.toFixed(2),
        row.p50.toFixed(1),
        row.p99.toFixed(1),
      ]);
    parts.push(
      'The whole product, Node included; the ratio is the median of those within a round:',
      [...lines([titles, titles.map((_, i) => (i < 3 ? '---' : '---:'))]), ...lines(rows)].join(
        '\n',
      ),
    );
  }
  return parts.join('\n\n');
}

async function measureServer() {
  const congestion = values.congestion as Congestion;
  const contenders: Contender[] = [
    onecast({ id: 'off', title: 'off', congestion, env: { MEDIA_EGRESS_BATCHING: 'off' } }),
    ...values['windows-us']
      .split(',')
      .map((us) =>
        onecast({ id: us, title: `window ${us} µs`, congestion, env: { EGRESS_WINDOW_US: us } }),
      ),
  ];
  const loadgen = await Loadgen.compile();
  try {
    const say = (line: string) => console.log(line);
    const paces = ['bursty', 'paced'] as const;
    const { cells, floors, faults } = await measureRounds({
      loadgen,
      contenders,
      levels,
      paces,
      rounds,
      windowMs,
      say,
    });
    const rows = cells.map((cell) => {
      const off = cells.find(
        ({ contender, pace, viewers }) =>
          contender === 'off' && pace === cell.pace && viewers === cell.viewers,
      );
      const ratios = cell.values.map((value, i) => value / (off?.values[i] ?? Number.NaN));
      return { ...cell, ofOff: medianOf(ratios) };
    });
    return { rows, floors, faults, rounds };
  } finally {
    loadgen.close();
  }
}
