import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { holdsSecret } from '#config/secret-variables.ts';

/**
 * Removes the variables that hold secrets from this process's environment. Linux also shows the
 * environment with which a process was started (/proc/<pid>/environ) to every process of the same user,
 * so the values there are overwritten; elsewhere, or where /proc is closed, that part stays.
 */
export function forgetSecrets(): void {
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && holdsSecret(name, value)) Reflect.deleteProperty(process.env, name);
  }
  try {
    overwriteInitialEnvironment();
  } catch {
    // No /proc, or not allowed.
  }
}

/** Fields of /proc/self/stat after the name in brackets, proc(5): env_start is the 50th field of all. */
const ENV_START = 50 - 3;

function overwriteInitialEnvironment(): void {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const start = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[ENV_START]);
  const initial = readFileSync('/proc/self/environ');
  if (!Number.isSafeInteger(start) || start === 0) return;
  const memory = openSync('/proc/self/mem', 'r+');
  try {
    for (let from = 0; from < initial.length; ) {
      const end = initial.indexOf(0, from);
      const to = end === -1 ? initial.length : end;
      const entry = initial.subarray(from, to);
      const equals = entry.indexOf('=');
      const value = entry.subarray(equals + 1);
      if (equals > 0 && holdsSecret(entry.toString('utf8', 0, equals), value.toString())) {
        overwrite(memory, start + from + equals + 1, value);
      }
      from = to + 1;
    }
  } finally {
    closeSync(memory);
  }
}

/** Only if the memory holds what it is expected to hold. */
function overwrite(memory: number, at: number, expected: Buffer): void {
  const found = Buffer.alloc(expected.length);
  readSync(memory, found, 0, found.length, at);
  if (found.equals(expected)) writeSync(memory, Buffer.alloc(found.length, 'x'), 0, undefined, at);
}
