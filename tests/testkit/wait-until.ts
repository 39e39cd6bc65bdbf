import { setTimeout as delay } from 'node:timers/promises';

/** Only ends a test that hangs; no test may depend on how fast the machine is. */
const HANG_GUARD_MS = 30_000;

/**
 * Polls every 10 ms until `condition` holds.
 * @throws an error that names `what` when it does not hold within 30 s
 */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + HANG_GUARD_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await delay(10);
  }
}
