/**
 * Keeps a phone's screen from going dark while `wanted(true)`. Browsers drop the lock whenever the
 * page is hidden, so it is taken again on return. A refusal (low battery) is no fault.
 */
export class WakeLock {
  readonly #abort = new AbortController();
  #wanted = false;
  #lock: WakeLockSentinel | undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#take(), {
      signal: this.#abort.signal,
    });
  }

  set wanted(wanted: boolean) {
    this.#wanted = wanted;
    if (wanted) this.#take();
    else this.#drop();
  }

  close(): void {
    this.#abort.abort();
    this.wanted = false;
  }

  #take(): void {
    if (!this.#wanted || document.visibilityState !== 'visible') return;
    if (this.#lock !== undefined && !this.#lock.released) return;
    // Absent in insecure contexts and older browsers, whatever the types say.
    const wakeLock = navigator.wakeLock as globalThis.WakeLock | undefined;
    wakeLock?.request('screen').then(
      (lock) => {
        this.#drop();
        this.#lock = lock;
        if (!this.#wanted) this.#drop();
      },
      () => undefined,
    );
  }

  #drop(): void {
    this.#lock?.release().catch(() => undefined);
    this.#lock = undefined;
  }
}
