// The cache folder: what is in it is whole. Things are made in a folder of their own beside the
// place they belong, and renamed into it; a try that was cut off leaves only such a folder.

import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.mjs';
import { cacheFolder, hashOf } from './plan.mjs';
import { say } from './progress.mjs';

export const CACHE = cacheFolder(process.env, homedir());

export const logFile = (name) => join(CACHE, 'logs', `${name}.log`);

/** Node's own recursive mkdir never ends where the system answers ENOENT, as under /proc. */
export function makeFolder(path) {
  if (fs.existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    fs.mkdirSync(path);
  } catch (error) {
    if (error.code === 'EEXIST') return;
    const mend = 'set ONECAST_CACHE to a folder of your own';
    throw new Failure(`${path} cannot be made (${error.code})`, mend);
  }
}

export function requireSpace(folder, megabytes) {
  let there = folder;
  while (!fs.existsSync(there)) there = dirname(there);
  const { bavail, bsize } = fs.statfsSync(there);
  const free = Math.floor((bavail * bsize) / 1e6);
  if (free < megabytes) {
    const mend = 'free some space, or set ONECAST_CACHE to a folder on another disk';
    throw new Failure(`${there} has ${free} MB free and ${megabytes} MB are needed`, mend);
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

/** `make(folder)` fills an empty folder, which then becomes `target`. */
export async function makeWhole(target, make) {
  makeFolder(dirname(target));
  const mark = `${basename(target)}.tmp-`;
  for (const name of fs.readdirSync(dirname(target))) {
    if (name.startsWith(mark) && !isAlive(Number(name.slice(mark.length)))) {
      fs.rmSync(join(dirname(target), name), { recursive: true, force: true });
    }
  }
  const temporary = `${target}.tmp-${process.pid}`;
  fs.rmSync(temporary, { recursive: true, force: true });
  fs.mkdirSync(temporary);
  try {
    await make(temporary);
    fs.rmSync(target, { recursive: true, force: true });
    fs.renameSync(temporary, target);
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

/** One process at a time does `work` for `name`; the others wait and find it done. */
export async function alone(name, work) {
  const lock = join(CACHE, 'locks', hashOf([name]));
  makeFolder(dirname(lock));
  for (let told = false; ; ) {
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
    if (!told) say(`… waiting for another Onecast set-up (process ${holder ?? '?'})`);
    told = true;
    await sleep(300);
  }
  try {
    return await work();
  } finally {
    fs.rmSync(lock, { force: true });
  }
}

/** The holder's process id; undefined while it is being written, or when the lock is gone. */
function readHolder(lock) {
  try {
    return Number(fs.readFileSync(lock, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}
