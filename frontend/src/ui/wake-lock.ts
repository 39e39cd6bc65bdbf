/**
 * Keeps a phone's screen on while `wanted` is true. Browsers release the lock whenever the page is
 * hidden, so it is requested again when the page comes back. A refusal (low battery) is not an error.
 */
export class WakeLock {
  readonly #abort = new AbortController();
  #wanted = false;
  #lock: WakeLockSentinel | undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#request(), {
      signal: this.#abort.signal,
    });
  }

  set wanted(wanted: boolean) {
    this.#wanted = wanted;
    if (wanted) this.#request();
    else this.#release();
  }

  close(): void {
    this.#abort.abort();
    this.wanted = false;
  }

  #request(): void {
    if (!this.#wanted || document.visibilityState !== 'visible') return;
    if (this.#lock !== undefined && !this.#lock.released) return;
    // Insecure contexts and older browsers have no wakeLock, although the types say otherwise.
    const wakeLock = navigator.wakeLock as globalThis.WakeLock | undefined;
    wakeLock?.request('screen').then(
      (lock) => {
        this.#release();
        this.#lock = lock;
        if (!this.#wanted) this.#release();
      },
      () => undefined,
    );
  }

  #release(): void {
    this.#lock?.release().catch(() => undefined);
    this.#lock = undefined;
  }
}
