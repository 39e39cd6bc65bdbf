/**
 * npm run bench:attack -- [--rounds 3] [--seconds 10] [--no-save]
 * What a room notices while another page attacks the server: without an attack, under 1,000 messages
 * a second from one socket, and under 1,000 large messages a second on a publisher's data channel.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { launchBrowser } from '#testkit/browser/browser.ts';
import { floodResult, openFlooder, startFlood } from './attack/data-flood.ts';
import { type InnocentFigures, InnocentRoom } from './attack/innocent-room.ts';
import { type Row, save } from './attack/report.ts';
import { medianOf, spreadOf, tableOf, tenth } from './report/stats.ts';
import { ObservedServer } from '#testkit/server/observed-server.ts';
import { whole } from './report/options.ts';
import { cpuSeconds } from '#testkit/processes.ts';

const PER_SECOND = 1_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    'no-save': { type: 'boolean', default: false },
  },
});
const rounds = whole('--rounds', values.rounds, 50);
const windowMs = whole('--seconds', values.seconds, 600) * 1_000;

/** What an attacker got done. */
interface Done {
  readonly [what: string]: unknown;
  /** Of the one connection that it had; null where it still had it. */
  readonly closedAfterMs?: number | null;
}

/** One way to attack; resolves with what the attacker got done. */
interface Attack {
  readonly name: string;
  /** Makes ready, before anything is measured. */
  prepare(
    server: ObservedServer,
    round: number,
  ): Promise<{ begin(): Promise<void>; end(): Promise<Done> }>;
}

const NONE: Attack = {
  name: 'no attack',
  prepare: async () => ({ begin: async () => undefined, end: async () => ({}) }),
};

const MESSAGES: Attack = {
  name: '1,000 messages/s from one socket, again when cut',
  prepare: async (server) => {
    const program = join(import.meta.dirname, 'attack/message-flood.ts');
    const args = [program, '127.0.0.1', String(server.port), String(PER_SECOND)];
    let stop: (() => Promise<Done>) | undefined;
    return {
      begin: async () => {
        const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
        const told = text(child.stdout);
        const exited = once(child, 'exit');
        stop = async () => {
          child.stdin.end();
          await exited;
          return JSON.parse(await told) as Done;
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

interface Window {
  readonly attack: string;
  readonly round: number;
  readonly innocent: InnocentFigures;
  /** Cores that the server and its workers took. */
  readonly serverCores: number;
  readonly attacker: Done;
  /** Of the last minute, at the end: above the number of cores the times say little. */
  readonly load: number;
}

const windows: Window[] = [];
for (let round = 1; round <= rounds; round += 1) {
  // The limits of the product, those of addresses too: the attacker has an address of its own.
  const server = await ObservedServer.start({ realAddressLimits: true });
  const room = await InnocentRoom.open(server.url);
  try {
    for (const attack of [NONE, MESSAGES, data(64 * 1024), data(16 * 1024)]) {
      windows.push(await measure(attack, round, server, room));
    }
  } finally {
    await room.close();
    await server.stop();
  }
}

const rows = [...new Set(windows.map(({ attack }) => attack))].map(rowOf);
if (!values['no-save']) {
  save({
    at: new Date().toISOString(),
    cores: availableParallelism(),
    windowMs,
    rows,
    windows: windows.map(({ innocent, ...rest }) => ({
      ...rest,
      ...innocent,
      ackMs: spreadOf(innocent.ackMs),
    })),
  });
}
const head = [
  'attack',
  'acks',
  'p50',
  'p99',
  'max ms',
  'unanswered',
  'frames/s',
  'lost',
  'gap ms',
  'server cores',
  'load',
];
process.stdout.write(
  `\n${tableOf([
    head,
    ...rows.map((row) =>
      [
        row.attack,
        row.acks,
        row.p50,
        row.p99,
        row.max,
        row.unanswered,
        row.framesPerS,
        row.packetsLost,
        row.longestGapMs,
        row.serverCores,
        row.load,
      ].map(String),
    ),
  ])}\n`,
);

async function measure(
  attack: Attack,
  round: number,
  server: ObservedServer,
  room: InnocentRoom,
): Promise<Window> {
  const attacker = await attack.prepare(server, round);
  const cpuBefore = cpuSeconds([server.pid]);
  const begun = performance.now();
  await attacker.begin();
  const innocent = await room.measure(windowMs);
  const serverCores =
    (cpuSeconds([server.pid]) - cpuBefore) / ((performance.now() - begun) / 1_000);
  const done = await attacker.end();
  say(`round ${round}, ${attack.name}: ${JSON.stringify(done)}`);
  return {
    attack: attack.name,
    round,
    innocent,
    serverCores,
    attacker: done,
    load: tenth(loadavg()[0] ?? 0),
  };
}

/** Acks over all rounds; the rest is the median of the rounds, but for what should never be. */
function rowOf(attack: string): Row {
  const own = windows.filter((window) => window.attack === attack);
  const acks = own.flatMap(({ innocent }) => innocent.ackMs).toSorted((a, b) => a - b);
  const at = (share: number) => tenth(acks[Math.ceil(share * acks.length) - 1] ?? Number.NaN);
  const sum = (pick: (figures: InnocentFigures) => number) =>
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
    serverCores: Math.round(medianOf(own.map((window) => window.serverCores)) * 100) / 100,
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

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
