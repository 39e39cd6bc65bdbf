import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Heap of this process after two full collections, bytes: what it still holds on to. */
export function heapHeld(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

/**
 * What a round adds at the least, bytes: the lowest of the later half against the lowest of the
 * earlier one. Memory that is only used for a while comes and goes; what leaks never goes.
 */
export function growthPerRound(samples: readonly number[]): number {
  const half = Math.floor(samples.length / 2);
  return (Math.min(...samples.slice(-half)) - Math.min(...samples.slice(0, half))) / half;
}
