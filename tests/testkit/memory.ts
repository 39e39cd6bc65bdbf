/** Measures whether memory grows from round to round. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Used heap of this process after two full collections, in bytes. */
export function heapAfterCollection(): number {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/**
 * A lower bound of what each round adds, in bytes: the minimum of the later half of the samples
 * compared with the minimum of the earlier half. Memory in temporary use rises and falls; leaked
 * memory never falls.
 */
export function growthPerRound(samples: readonly number[]): number {
  const half = Math.floor(samples.length / 2);
  return (Math.min(...samples.slice(-half)) - Math.min(...samples.slice(0, half))) / half;
}
