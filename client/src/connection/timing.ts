/** How long each phase of the connection may last, and how long the page waits between attempts. */

export const TIMING = {
  socketDeadlineMs: 5_000,
  answerDeadlineMs: 6_000,
  /** ICE and DTLS of a new transport, over TCP where UDP is blocked. */
  negotiationDeadlineMs: 8_000,
  /** Most disturbances end without help. */
  disturbanceGraceMs: 3_000,
  /**
   * An ICE restart works the first time or never: 0.1 s on a good connection, some round trips on a
   * bad one.
   */
  repairDeadlineMs: 2_000,
  /** After this time without a fault, earlier failed attempts no longer count. */
  stableMs: 30_000,
  /**
   * Attempts that still count after a success: a connection that drops again and again waits, but
   * not as long as one that never came up.
   */
  attemptsAfterSuccess: 2,
} as const;

/** The first retry comes almost at once: most interruptions are very short. */
const FIRST_MAX_MS = 300;
/**
 * A server that restarts is back within seconds, and every page should be back 2 s later: the steps
 * stay short for the first ten seconds, and the jitter spreads the pages.
 */
const STEPS_MS = [500, 700, 1_000, 1_000, 1_000, 1_000, 1_500, 2_000, 4_000, 7_000] as const;

/**
 * How long to wait before the next attempt.
 * @param attempt 0 for the first retry
 * @param random 0 to 1: spreads the pages that lost the same server
 * @returns ms
 */
export function backoffMs(attempt: number, random: number): number {
  if (attempt <= 0) return Math.round(random * FIRST_MAX_MS);
  const step = STEPS_MS[Math.min(attempt, STEPS_MS.length) - 1] ?? 7_000;
  return Math.round(step * (0.5 + random));
}
