/** Ports for the servers of tests and benches, of which several may run on one machine at a time. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below the range that systems give out by themselves, so that no other socket comes by chance. */
const FIRST = 20_000;
const BLOCK = 16;
const BLOCKS = 768;
/** A file for each block, with the pid that has it. */
const FOLDER = join(tmpdir(), 'onecast-ports');

const own = new Set<string>();
let next = process.pid * 7;

/**
 * The first of `count` ports in a row, at most 16, that are free for UDP and TCP on every address.
 * They stay this process's until it ends: nobody else who asks here gets them, even while nothing
 * listens on them.
 */
export async function freePorts(count = 1): Promise<number> {
  if (count > BLOCK) throw new Error(`at most ${BLOCK} ports in a row`);
  for (let tried = 0; tried < BLOCKS; tried += 1) {
    const block = (next += 1) % BLOCKS;
    if (!reserve(join(FOLDER, String(block)))) continue;
    const first = FIRST + block * BLOCK;
    const ports = Array.from({ length: count }, (_, i) => first + i);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return first;
  }
  throw new Error('no free ports');
}

/**
 * True where the block is ours now. What a process has left behind that is gone counts as free; only
 * two that find the same left-over at the same instant may both take it.
 */
function reserve(file: string): boolean {
  // A block of our own comes round again after all the others: what was on it is long closed.
  if (own.has(file)) return true;
  mkdirSync(FOLDER, { recursive: true });
  if (isHeld(file)) return false;
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    return false;
  }
  if (own.size === 0) process.once('exit', giveBack);
  own.add(file);
  return true;
}

function isHeld(file: string): boolean {
  let holder: number;
  try {
    holder = Number(readFileSync(file, 'utf8'));
  } catch {
    return false;
  }
  // Just made, and its pid not written yet.
  if (holder === 0) return true;
  try {
    process.kill(holder, 0);
    return true;
  } catch {
    rmSync(file, { force: true });
    return false;
  }
}

function giveBack(): void {
  for (const file of own) rmSync(file, { force: true });
}

async function isFree(port: number): Promise<boolean> {
  const tcp = createServer();
  const udp = createSocket('udp4');
  try {
    tcp.listen(port, '0.0.0.0');
    await once(tcp, 'listening');
    udp.bind(port, '0.0.0.0');
    await once(udp, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    tcp.close();
    udp.close();
  }
}
