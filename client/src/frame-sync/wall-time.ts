/**
 * ms since 1970 for a time of `performance.now()`. By the machine's clock as it is now, which programs
 * on the same machine read too: `performance.timeOrigin` stays what it was when the page was opened,
 * however often the clock is set afterwards, and in some browsers time asleep is missing from it.
 */
export function wallTime(at: number): number {
  return at + (Date.now() - performance.now());
}
