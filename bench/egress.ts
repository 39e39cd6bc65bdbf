/**
 * npm run bench -- egress [--rounds 5] [--levels 100,200] [--windows-us 0,1000,3000]
 *   [--congestion twcc] [--window-ms 1500] [--no-server] [--no-save | --report]
 * What batched sending saves: first for a single datagram, by each way to send it; then for the whole
 * server, without batching and with several coalescing windows.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chooseEgress } from '#backend/media/workers/egress.ts';
import { readConfig } from '#config/env.ts';
import { LIMITS } from '#config/limits.ts';
import { PACE_TITLES } from './fan-out/report.ts';
import { measureRounds } from './fan-out/rounds.ts';
import { Loadgen } from './loadgen/loadgen.ts';
import { count, counts, flag, names } from './options.ts';
import { measuredBy, type Provenance, provenance, runPart } from './part.ts';
import type { Contender } from './peers/broadcaster.ts';
import { onecast } from './peers/onecast.ts';
import { CONGESTION_CONTROLS, type CongestionControl } from './peers/onecast-room.ts';
import { forStorage, medianOf, tableOf } from './report/stats.ts';
import type { PaceName } from './stages/load-stage.ts';

interface EgressRow {
  readonly viewers: number;
  readonly pace: PaceName;
  /** Coalescing window, µs; `off` without batching. */
  readonly window: string;
  readonly cpuPerPacketUs: number;
  /** Median of the ratios to `off` within a round. */
  readonly ratioToOff: number;
  readonly p50: number;
  readonly p99: number;
}

interface EgressSummary extends Provenance {
  readonly rounds: number;
  /** A table: a head, then a row for each way to send. */
  readonly datagrams: readonly (readonly string[])[];
  readonly server?: readonly EgressRow[];
}

interface ServerOptions {
  readonly rounds: number;
  readonly levels: readonly number[];
  readonly windowMs: number;
  readonly windowsUs: readonly number[];
  readonly congestion: readonly CongestionControl[];
}

await runPart({
  name: 'egress',
  options: {
    rounds: count(5, 100),
    levels: counts('100,200', 3_000),
    windowsUs: counts('0,1000,3000', 100_000, 0),
    windowMs: count(1_500, 60_000),
    congestion: names(CONGESTION_CONTROLS, 'twcc'),
    server: flag(true),
  },
  async measure(options): Promise<EgressSummary | undefined> {
    const egress = await chooseEgress(readConfig(process.env), LIMITS);
    if (egress.state !== 'on') {
      console.log(`Nothing to measure: batched sending is ${egress.state}.`);
      return undefined;
    }
    const datagrams = await measureDatagrams(options.rounds);
    console.log(`µs of processor time per datagram\n${tableOf(datagrams)}`);
    return {
      ...provenance('egress'),
      rounds: options.rounds,
      datagrams,
      ...(options.server && { server: await measureServer(options) }),
    };
  },
  outputs: (summary) => [
    { file: 'docs/benchmarks.md', marker: 'egress', markdown: markdown(summary) },
  ],
});

/** A burst to each destination: one datagram; five of equal size; five of which two are a byte larger. */
async function measureDatagrams(rounds: number): Promise<string[][]> {
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
      ['', 'one', 'five of equal size', 'five, two a byte larger'],
      ...ways.map(({ name }, w) => [
        name,
        ...bursts.map((_, b) => medianOf(measured[w]?.[b] ?? []).toFixed(2)),
      ]),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureServer(options: ServerOptions): Promise<EgressRow[]> {
  const { rounds, levels, windowMs, windowsUs } = options;
  const congestion = options.congestion[0] ?? 'twcc';
  const contenders: Contender[] = [
    onecast({ id: 'off', title: 'off', congestion, env: { MEDIA_EGRESS_BATCHING: 'off' } }),
    ...windowsUs
      .map(String)
      .map((us) =>
        onecast({ id: us, title: `window ${us} µs`, congestion, env: { EGRESS_WINDOW_US: us } }),
      ),
  ];
  const loadgen = await Loadgen.compile();
  try {
    const { cells } = await measureRounds({
      loadgen,
      contenders,
      levels,
      paces: ['bursty', 'paced'],
      rounds,
      windowMs,
      log: (line) => console.log(line),
    });
    return cells
      .map((cell): EgressRow => {
        const off = cells.find(
          ({ contender, pace, viewers }) =>
            contender === 'off' && pace === cell.pace && viewers === cell.viewers,
        );
        const ratios = cell.values.map((value, i) => value / (off?.values[i] ?? Number.NaN));
        return {
          viewers: cell.viewers,
          pace: cell.pace,
          window: cell.contender,
          cpuPerPacketUs: forStorage(cell.cpuPerPacketUs),
          ratioToOff: forStorage(medianOf(ratios)),
          p50: cell.p50,
          p99: cell.p99,
        };
      })
      .toSorted((a, b) => a.viewers - b.viewers || a.pace.localeCompare(b.pace));
  } finally {
    loadgen.close();
  }
}

function markdown({ datagrams, server, rounds, ...summary }: EgressSummary): string {
  const [head = [], ...ways] = datagrams;
  const lines = (rows: readonly (readonly string[])[]) =>
    rows.map((cells) => `| ${cells.join(' | ')} |`);
  const parts = [
    `${measuredBy(summary)} A single datagram, processor time in µs, medians of ${rounds} rounds:`,
    [...lines([head, head.map((_, i) => (i === 0 ? '---' : '---:'))]), ...lines(ways)].join('\n'),
  ];
  if (server) {
    const titles = [
      'viewers',
      'pace',
      'batched',
      'µs a packet',
      'ratio to off',
      'p50, ms',
      'p99, ms',
    ];
    const rows = server.map((row) => [
      `${row.viewers}`,
      PACE_TITLES[row.pace],
      row.window === 'off' ? 'off' : `window ${row.window} µs`,
      row.cpuPerPacketUs.toFixed(1),
      row.ratioToOff.toFixed(2),
      row.p50.toFixed(1),
      row.p99.toFixed(1),
    ]);
    parts.push(
      'The whole server, Node included. The ratio is the median of the ratios within each round:',
      [...lines([titles, titles.map((_, i) => (i < 3 ? '---' : '---:'))]), ...lines(rows)].join(
        '\n',
      ),
    );
  }
  return parts.join('\n\n');
}
