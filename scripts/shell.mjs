// Running other programs: quietly with their output in a log, or in our place with our terminal.

import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { makeFolder } from './cache.mjs';
import { Failure } from './failure.mjs';
import { errorLine } from './plan.mjs';

const running = new Set();

/**
 * Hands a signal on to what runs; false if nothing does. A Ctrl-C is not handed on: the terminal has
 * given it to every program already, and a server takes a second one to mean "at once".
 */
export function passOn(signal) {
  if (signal !== 'SIGINT' || !process.stdin.isTTY) {
    for (const child of running) child.kill(signal);
  }
  return running.size > 0;
}

/** True if the program can be started at all and says its version. */
export function answers(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/**
 * Runs a program to its end; its output goes to `log`. Rejects with a Failure that tells `purpose`,
 * its first line of error and where the log is. `onStatus` gets the lines of file descriptor 3.
 */
export async function quietly(command, args, { purpose, log, mend, cwd, env, onLine, onStatus }) {
  makeFolder(dirname(log));
  const file = createWriteStream(log, { flags: 'a' });
  file.on('error', () => {});
  const stdio = ['ignore', 'pipe', 'pipe', onStatus ? 'pipe' : 'ignore'];
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio });
  running.add(child);
  let last = '';
  let telling;
  const listen = (stream, heard) => {
    createInterface({ input: stream }).on('line', heard);
  };
  const heard = (line) => {
    file.write(`${line}\n`);
    last = line.trim() || last;
    // The first error is the cause; those that follow are its consequences.
    telling ??= errorLine(line);
    onLine?.(line);
  };
  listen(child.stdout, heard);
  listen(child.stderr, heard);
  if (onStatus) listen(child.stdio[3], onStatus);
  const end = await new Promise((resolve) => {
    child.on('error', (error) => resolve({ error }));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  running.delete(child);
  await new Promise((resolve) => file.end(resolve));
  if (end.code === 0) return;
  if (/no space left on device|ENOSPC/i.test(`${telling} ${last}`)) {
    throw new Failure(`${purpose}: the disk is full`, 'free some space, or set ONECAST_CACHE');
  }
  const reason = end.error?.message ?? telling ?? (last || `ended with ${end.signal ?? end.code}`);
  throw new Failure(`${purpose}: ${reason} (log: ${log})`, mend);
}

/** Runs a program with our terminal and gives its exit code. */
export async function inOurPlace(command, args, { cwd, env }) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' });
  running.add(child);
  const end = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  running.delete(child);
  return end.code ?? 128 + (constants.signals[end.signal] ?? 0);
}
