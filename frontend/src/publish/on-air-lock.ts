import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { RoomId } from '#protocol/ids.ts';

/**
 * Shows the tabs of one browser which of them is on air in a room: that tab holds a Web Lock, which
 * ends with its document, however that ends. It is a hint between tabs; the server decides who publishes.
 */
export class OnAirLock {
  readonly #name: string;
  readonly #locks: LockManager | undefined;
  readonly #elsewhere = signal(false);
  #hold: AbortController | undefined;

  /** @param locks navigator.locks, undefined in insecure contexts: then every tab believes that it is alone */
  constructor(room: RoomId, locks: LockManager | undefined) {
    this.#name = `onecast.onair.${room}`;
    this.#locks = locks;
  }

  /** Whether another tab was on air when this one last looked. */
  get elsewhere(): ReadonlySignal<boolean> {
    return this.#elsewhere;
  }

  /**
   * Takes the lock, and keeps it until `release`. Waits for another tab that has it, at most `waitMs`;
   * without `waitMs` as long as that takes.
   * @returns whether no other tab is on air
   */
  async hold(waitMs?: number): Promise<boolean> {
    const locks = this.#locks;
    if (this.#hold || !locks) return true;
    const hold = new AbortController();
    this.#hold = hold;
    this.#elsewhere.value = false;
    const limits = waitMs === undefined ? [] : [AbortSignal.timeout(waitMs)];
    const signal = AbortSignal.any([hold.signal, ...limits]);
    return new Promise((resolve) => {
      const held = () => {
        resolve(true);
        return new Promise<void>((end) => {
          if (hold.signal.aborted) end();
          hold.signal.addEventListener('abort', () => end());
        });
      };
      locks.request(this.#name, { signal }, held).catch(() => {
        if (this.#hold === hold) this.#hold = undefined;
        // Where storage is blocked, so are locks: then nothing is known about other tabs.
        resolve(!signal.aborted);
      });
    });
  }

  /** Idempotent. */
  release(): void {
    this.#hold?.abort();
    this.#hold = undefined;
  }

  /** Looks whether another tab is on air now. If so, `elsewhere` also follows the end of that. */
  async look(): Promise<void> {
    const locks = this.#locks;
    if (!locks || this.#hold || this.#elsewhere.peek()) return;
    try {
      const { held = [] } = await locks.query();
      if (this.#hold || !held.some(({ name }) => name === this.#name)) return;
    } catch {
      // As in `hold`.
      return;
    }
    this.#elsewhere.value = true;
    const ended = () => {
      this.#elsewhere.value = false;
    };
    locks.request(this.#name, { mode: 'shared' }, ended).catch(ended);
  }
}
