/**
 * npm run bench -- attack [--rounds 3] [--seconds 10] [--no-save | --report]
 * What another room notices: first without an attack, then while the server gets 1,000 messages a second
 * from one socket (which connects again when it is cut), and then 1,000 messages a second of 64 KiB or of
 * 16 KiB on a publisher's data channel.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { launchBrowser } from '#testkit/browser/browser.ts';
import { floodResult, openFlooder, startFlood } from './attack/data-flood.ts';
import { InnocentRoom, type InnocentStats } from './attack/innocent-room.ts';
import { type AttackRow, type AttackSummary, outputs } from './attack/report.ts';
import { count } from './options.ts';
import { runPart } from './part.ts';
import { hundredth, medianOf, tableOf, tenth } from './report/stats.ts';
import { ObservedServer } from '#testkit/server/observed-server.ts';
import { cpuSeconds } from '#testkit/processes.ts';

const PER_SECOND = 1_000;

/** What an attacker achieved. */
interface AttackerStats {
  readonly [what: string]: unknown;
  /** When its only connection was closed; null if it was still open at the end. */
  readonly closedAfterMs?: number | null;
}

/** One kind of attack. */
interface Attack {
  readonly name: string;
  /** Prepares the attack; nothing is measured yet. `end` returns what the attacker achieved. */
  prepare(
    server: ObservedServer,
    round: number,
  ): Promise<{ begin(): Promise<void>; end(): Promise<AttackerStats> }>;
}

const NONE: Attack = {
  name: 'no attack',
  prepare: async () => ({ begin: async () => undefined, end: async () => ({}) }),
};

const MESSAGES: Attack = {
  name: '1,000 messages/s from one socket, reconnecting when closed',
  prepare: async (server) => {
    const program = join(import.meta.dirname, 'attack/message-flood.ts');
    const args = [program, '127.0.0.1', String(server.port), String(PER_SECOND)];
    let stop: (() => Promise<AttackerStats>) | undefined;
    return {
      begin: async () => {
        const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
        const printed = text(child.stdout);
        const exited = once(child, 'exit');
        stop = async () => {
          child.stdin.end();
          await exited;
          return JSON.parse(await printed) as AttackerStats;
        };
      },
      end: async () => (await stop?.()) ?? {},
    };
  },
};

const data = (bytes: number): Attack => ({
  name: `${bytes / 1024} KiB × 1,000/s on a publisher’s data channel`,
  prepare: async (server, round) => {
    const browser = await launchBrowser();
    const page = await openFlooder(browser, server.url, `attack-${bytes}-${round}`);
    return {
      begin: async () => startFlood(page, bytes, PER_SECOND),
      end: async () => {
        const { closedAfterMs = null, ...rest } = await floodResult(page);
        await browser.close();
        return { ...rest, closedAfterMs };
      },
    };
  },
});

interface AttackWindow {
  readonly attack: string;
  readonly innocent: InnocentStats;
  readonly serverCores: number;
  readonly attacker: AttackerStats;
  /** Load average of the last minute, at the end. */
  readonly load: number;
}

await runPart({
  name: 'attack',
  options: { rounds: count(3, 50), seconds: count(10, 600) },
  async measure({ rounds, seconds }): Promise<AttackSummary> {
    const windowMs = seconds * 1_000;
    const windows: AttackWindow[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      // With the real limits, also those by address: the attacker has another address.
      const server = await ObservedServer.start({ realAddressLimits: true });
      const room = await InnocentRoom.open(server.url);
      try {
        for (const attack of [NONE, MESSAGES, data(64 * 1024), data(16 * 1024)]) {
          windows.push(await measure(attack, { round, server, room, windowMs }));
        }
      } finally {
        await room.close();
        await server.stop();
      }
    }
    const names = [...new Set(windows.map(({ attack }) => attack))];
    const rows = names.map((name) =>
      rowOf(
        windows.filter(({ attack }) => attack === name),
        name,
        windowMs,
      ),
    );
    print(rows);
    return { at: new Date().toISOString(), cores: availableParallelism(), windowMs, rows };
  },
  outputs,
});

interface Surroundings {
  readonly round: number;
  readonly server: ObservedServer;
  readonly room: InnocentRoom;
  readonly windowMs: number;
}

async function measure(
  attack: Attack,
  { round, server, room, windowMs }: Surroundings,
): Promise<AttackWindow> {
  const attacker = await attack.prepare(server, round);
  const cpuBefore = cpuSeconds([server.pid]);
  const begun = performance.now();
  await attacker.begin();
  const innocent = await room.measure(windowMs);
  const serverCores =
    (cpuSeconds([server.pid]) - cpuBefore) / ((performance.now() - begun) / 1_000);
  const stats = await attacker.end();
  process.stderr.write(`round ${round}, ${attack.name}: ${JSON.stringify(stats)}\n`);
  return {
    attack: attack.name,
    innocent,
    serverCores,
    attacker: stats,
    load: tenth(loadavg()[0] ?? 0),
  };
}

/** Acks are those of all rounds. Counts of what should never happen are sums; other values are medians. */
function rowOf(own: readonly AttackWindow[], attack: string, windowMs: number): AttackRow {
  const acks = own.flatMap(({ innocent }) => innocent.ackMs).toSorted((a, b) => a - b);
  const at = (share: number) => tenth(acks[Math.ceil(share * acks.length) - 1] ?? Number.NaN);
  const sum = (pick: (stats: InnocentStats) => number) =>
    own.reduce((total, { innocent }) => total + pick(innocent), 0);
  return {
    attack,
    rounds: own.length,
    acks: acks.length,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    unanswered: sum(({ unanswered }) => unanswered),
    framesPerS: tenth(medianOf(own.map(({ innocent }) => (innocent.frames * 1_000) / windowMs))),
    packetsLost: sum(({ packetsLost }) => packetsLost),
    framesDropped: sum(({ framesDropped }) => framesDropped),
    longestGapMs: tenth(Math.max(...own.map(({ innocent }) => innocent.longestGapMs))),
    serverCores: hundredth(medianOf(own.map((window) => window.serverCores))),
    load: tenth(medianOf(own.map(({ load }) => load))),
    closedAfterS: own.flatMap(({ attacker: { closedAfterMs } }) =>
      closedAfterMs === undefined
        ? []
        : closedAfterMs === null
          ? null
          : tenth(closedAfterMs / 1_000),
    ),
  };
}

function print(rows: readonly AttackRow[]): void {
  const columns = {
    attack: 'attack',
    acks: 'acks',
    p50: 'p50',
    p99: 'p99',
    max: 'max ms',
    unanswered: 'unanswered',
    framesPerS: 'frames/s',
    packetsLost: 'lost',
    longestGapMs: 'gap ms',
    serverCores: 'server cores',
    load: 'load',
  } as const;
  const names = Object.keys(columns) as (keyof typeof columns)[];
  const cells = rows.map((row) => names.map((name) => String(row[name])));
  process.stdout.write(`\n${tableOf([Object.values(columns), ...cells])}\n`);
}
