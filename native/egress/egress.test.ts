/** Runs the C tests in test/ with the address and undefined-behaviour sanitizers, each in its own process. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import flags from './flags.json' with { type: 'json' };

const FOLDER = import.meta.dirname;
const SKIPPED = 77;
const temporary = mkdtempSync(join(tmpdir(), 'onecast-egress-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

const sourcesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(folder, name));

function compiled(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  if (spawnSync('cc', ['--version']).status !== 0) return undefined;
  const program = join(temporary, 'egress-test');
  const sources = [...sourcesIn(FOLDER), ...sourcesIn(join(FOLDER, 'test'))];
  const common = ['-std=gnu17', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-pthread'];
  execFileSync('cc', [...common, ...SANITIZERS, '-o', program, ...sources, '-ldl']);
  return program;
}

const program = compiled();
const names = program ? execFileSync(program, { encoding: 'utf8' }).trim().split('\n') : [];
if (!program) console.log('batched sending is not tested: this needs Linux and a C compiler');

describe.skipIf(!program)('batched sending', () => {
  test.for(names)('%s', (name, { skip }) => {
    const { status, signal, stdout, stderr } = spawnSync(program ?? '', [name], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (status === SKIPPED) skip(stdout.trim());
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  });

  // Like mediasoup's prebuilt worker, Node contains libuv and shares only the C library.
  test('EGRESS-1 a program with libuv linked into it', ({ skip }) => {
    const library = join(temporary, 'egress.so');
    execFileSync('cc', [...flags, '-o', library, ...sourcesIn(FOLDER), '-ldl']);
    const args = ['--input-type=module', '-e', NODE_PROGRAM];
    const env = { ...process.env, LD_PRELOAD: library };
    const output = execFileSync(process.execPath, args, { env, encoding: 'utf8' });
    const { received, on, preloaded, segmented, child } = JSON.parse(output) as ProgramResult;
    if (!on) skip('this kernel cannot segment UDP');
    expect(received).toEqual(['0', '1', '2', '3', '4'].map((digit) => digit.repeat(1_000)));
    expect({ preloaded, segmented, child }).toEqual({ preloaded: '', segmented: 5, child: '' });
  });
});

interface ProgramResult {
  readonly received: readonly string[];
  readonly on: boolean;
  readonly preloaded: string;
  readonly segmented: number;
  readonly child: string;
}

/** Sends five datagrams in one turn to one socket; prints what arrived, and what a child inherits. */
const NODE_PROGRAM = `
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

const [from, to] = ['udp4', 'udp4'].map((type) => createSocket(type));
for (const socket of [from, to]) {
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
}
const received = [];
const all = new Promise((resolve) => {
  to.on('message', (message) => received.push(String(message)) === 5 && resolve());
});
// The library learns that a thread has a loop when the loop waits for the first time.
await setImmediate();
for (let i = 0; i < 5; i += 1) from.send(String(i).repeat(1000), to.address().port, '127.0.0.1');
await all;
// A socket that sends and is closed in the same turn.
from.send('last', to.address().port, '127.0.0.1', () => from.close());
await once(to, 'message');
to.close();
const page = readdirSync('/proc/self/fd').find((fd) => {
  try {
    return readlinkSync('/proc/self/fd/' + fd).includes('onecast-egress');
  } catch {
    return false;
  }
});
const stats = new BigUint64Array(new Uint8Array(readFileSync('/proc/self/fd/' + page)).buffer);
const preloaded = process.env.LD_PRELOAD ?? '';
const child = execFileSync('sh', ['-c', 'printf %s "$LD_PRELOAD"'], { encoding: 'utf8' });
console.log(JSON.stringify({ received: received.slice(0, 5), on: stats[1] === 1n, preloaded, segmented: Number(stats[4]), child }));
`;
