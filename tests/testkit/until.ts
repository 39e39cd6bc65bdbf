import { setTimeout as delay } from 'node:timers/promises';

/** Only ends a test that hangs; no test may depend on how fast the machine is. */
const HANG_GUARD_MS = 30_000;

/** Resolves when `condition` holds. @throws naming `what` where it never does. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const giveUpAt = performance.now() + HANG_GUARD_MS;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`waited in vain until ${what}`);
    await delay(10);
  }
}
