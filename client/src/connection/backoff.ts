/** How long to wait before the next attempt. Pure: the randomness is passed in. */

/** The first retry comes almost at once: most losses are a blink. */
const FIRST_MAX_MS = 300;
/**
 * A server that restarts is back within seconds, and everybody should be 2 s after it: the steps
 * stay short for the first ten seconds and the jitter spreads the pages.
 */
const STEPS_MS = [500, 700, 1_000, 1_000, 1_000, 1_000, 1_500, 2_000, 4_000, 7_000] as const;

/**
 * @param attempt 0 for the first retry
 * @param random 0 to 1: spreads the pages that lost the same server
 * @returns ms
 */
export function backoffMs(attempt: number, random: number): number {
  if (attempt <= 0) return Math.round(random * FIRST_MAX_MS);
  const step = STEPS_MS[Math.min(attempt, STEPS_MS.length) - 1] ?? 7_000;
  return Math.round(step * (0.5 + random));
}
