/** The shortest way of the last 10 to 20 s counts: lines and analysis change. */
const WINDOW_MS = 10_000;

/**
 * Guesses when a frame without a tag was captured, by the publisher's clock. Data and picture take
 * about the same way, so the quickest message tells how far the publisher's clock is from this page's,
 * way included, and the time at which a frame was received does the rest.
 */
export class CaptureClock {
  #least = Infinity;
  #before = Infinity;
  #since = -Infinity;

  /** A message that was made from what was captured then came now. */
  message(capturedAt: number, now: number): void {
    if (now - this.#since > WINDOW_MS) {
      this.#before = now - this.#since > 2 * WINDOW_MS ? Infinity : this.#least;
      this.#least = Infinity;
      this.#since = now;
    }
    this.#least = Math.min(this.#least, now - capturedAt);
  }

  /** ms since 1970 by the publisher's clock; undefined before the first message. */
  capturedAt(receivedAt: number | undefined): number | undefined {
    const way = Math.min(this.#least, this.#before);
    return receivedAt === undefined || way === Infinity ? undefined : receivedAt - way;
  }

  reset(): void {
    this.#least = Infinity;
    this.#before = Infinity;
    this.#since = -Infinity;
  }
}
