// Runs other programs: with their output in a log file, or in the foreground with our terminal.

import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { makeFolder } from './cache.mjs';
import { errorLine } from './plan.mjs';
import { Failure } from './output.mjs';

const running = new Set();

/**
 * Forwards a signal to the running programs; false if there are none. Ctrl-C is not forwarded: the
 * terminal has sent it to every program already, and a second one makes a server stop at once.
 */
export function forwardSignal(signal) {
  if (signal !== 'SIGINT' || !process.stdin.isTTY) {
    for (const child of running) child.kill(signal);
  }
  return running.size > 0;
}

/** True if the program can be started with these arguments and exits with 0. */
export function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/**
 * Runs a program to its end and appends its output to `log`. Rejects with a Failure that contains
 * `purpose`, the program's first error line and the path of the log. `onStatus` gets the lines of file
 * descriptor 3.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{
 *   purpose: string, log: string, fix?: string, cwd?: string, env?: Record<string, string>,
 *   onLine?: (line: string) => void, onStatus?: (line: string) => void,
 * }} options
 */
export async function runLogged(command, args, { purpose, log, fix, cwd, env, onLine, onStatus }) {
  makeFolder(dirname(log));
  const file = createWriteStream(log, { flags: 'a' });
  file.on('error', () => {});
  /** @type {import('node:child_process').StdioOptions} */
  const stdio = ['ignore', 'pipe', 'pipe', onStatus ? 'pipe' : 'ignore'];
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio });
  running.add(child);
  let last = '';
  let firstError;
  const listen = (stream, listener) => {
    createInterface({ input: stream }).on('line', listener);
  };
  const record = (line) => {
    file.write(`${line}\n`);
    last = line.trim() || last;
    // The first error is usually the cause of those that follow.
    firstError ??= errorLine(line);
    onLine?.(line);
  };
  listen(child.stdout, record);
  listen(child.stderr, record);
  if (onStatus) listen(child.stdio[3], onStatus);
  const end = await new Promise((resolve) => {
    child.on('error', (error) => resolve({ error }));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  running.delete(child);
  await new Promise((resolve) => file.end(resolve));
  if (end.code === 0) return;
  if (/no space left on device|ENOSPC/i.test(`${firstError} ${last}`)) {
    throw new Failure(`${purpose}: the disk is full`, 'free some space, or set ONECAST_CACHE');
  }
  const reason =
    end.error?.message ?? firstError ?? (last || `ended with ${end.signal ?? end.code}`);
  throw new Failure(`${purpose}: ${reason} (log: ${log})`, fix);
}

/**
 * Runs a program with our terminal and returns its exit code.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, env?: Record<string, string> }} options
 */
export async function runInForeground(command, args, { cwd, env }) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' });
  running.add(child);
  const end = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  running.delete(child);
  return end.code ?? 128 + (constants.signals[end.signal] ?? 0);
}
