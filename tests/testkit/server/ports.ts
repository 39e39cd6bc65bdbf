/** Ports for the servers of tests and benches; several may run on one machine at the same time. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below the range of ports that systems assign automatically, so that no other socket gets one. */
const FIRST = 20_000;
const BLOCK = 16;
const BLOCKS = 768;
/** Holds a file for each reserved block with the pid of its owner. */
const FOLDER = join(tmpdir(), 'onecast-ports');

const own = new Set<string>();
let next = process.pid * 7;

/**
 * The first of `count` consecutive ports (at most 16) that are free for UDP and TCP on every
 * address. They are reserved until this process ends: no other call returns them, even while
 * nothing listens on them.
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
 * Whether the block is reserved for this process now. A reservation of a process that has ended
 * counts as free; two processes that find the same one at the same instant may both reserve it.
 */
function reserve(file: string): boolean {
  // A block of ours comes round again only after all others: its sockets are long closed.
  if (own.has(file)) return true;
  mkdirSync(FOLDER, { recursive: true });
  if (isHeld(file)) return false;
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    return false;
  }
  if (own.size === 0) process.once('exit', releaseAll);
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
  // The file was just created, and the pid is not written yet.
  if (holder === 0) return true;
  try {
    process.kill(holder, 0);
    return true;
  } catch {
    rmSync(file, { force: true });
    return false;
  }
}

function releaseAll(): void {
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
