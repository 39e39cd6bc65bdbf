// The cache folder. It holds only complete entries: each is created in a temporary folder next to its
// place and then renamed. An attempt that was interrupted leaves only the temporary folder.

import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder, hashOf } from './plan.mjs';
import { Failure, say } from './output.mjs';

export const CACHE = cacheFolder(process.env, homedir());

export const logFile = (name) => join(CACHE, 'logs', `${name}.log`);

/** Node's own recursive mkdir never ends if the system returns ENOENT, as it does under /proc. */
export function makeFolder(path) {
  if (fs.existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    fs.mkdirSync(path);
  } catch (error) {
    if (error.code === 'EEXIST') return;
    const fix = 'set ONECAST_CACHE to a folder of your own';
    throw new Failure(`${path} cannot be created (${error.code})`, fix);
  }
}

export function requireSpace(folder, megabytes) {
  let existing = folder;
  while (!fs.existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = fs.statfsSync(existing);
  const free = Math.floor((bavail * bsize) / 1e6);
  if (free < megabytes) {
    const fix = 'free some space, or set ONECAST_CACHE to a folder on another disk';
    throw new Failure(`${existing} has ${free} MB free and ${megabytes} MB are needed`, fix);
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** `fill(folder)` fills an empty folder, which then replaces `target`. */
export async function createAtomically(target, fill) {
  makeFolder(dirname(target));
  const prefix = `${basename(target)}.tmp-`;
  for (const name of fs.readdirSync(dirname(target))) {
    if (name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length)))) {
      fs.rmSync(join(dirname(target), name), { recursive: true, force: true });
    }
  }
  const temporary = `${target}.tmp-${process.pid}`;
  fs.rmSync(temporary, { recursive: true, force: true });
  fs.mkdirSync(temporary);
  try {
    await fill(temporary);
    fs.rmSync(target, { recursive: true, force: true });
    fs.renameSync(temporary, target);
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

/** Runs `work` in one process at a time for each `name`. The other processes wait for it. */
export async function withLock(name, work) {
  const lock = join(CACHE, 'locks', hashOf([name]));
  makeFolder(dirname(lock));
  for (let announced = false; ; ) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readHolder(lock);
    if (holder !== undefined && !isAlive(holder)) {
      fs.rmSync(lock, { force: true });
      continue;
    }
    if (!announced) say(`… waiting for another Onecast set-up (process ${holder ?? '?'})`);
    announced = true;
    await sleep(300);
  }
  try {
    return await work();
  } finally {
    fs.rmSync(lock, { force: true });
  }
}

/** The process id in the lock file; undefined while it is being written, or if the file is gone. */
function readHolder(lock) {
  try {
    return Number(fs.readFileSync(lock, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}
