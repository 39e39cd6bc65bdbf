import { OnecastError } from '#protocol/errors.ts';
import type { KeyedMessage } from '#protocol/overlay-state.ts';
import { type StateBatch, StateOutbox } from '../overlay/state-outbox.ts';

/** At most 20 requests a second, which the server takes; what changes in between goes together. */
const SEND_EVERY_MS = 50;
const RETRY_MS = 1_000;

/**
 * Brings the page's keyed state to the server while it is on air, and all of it anew whenever it
 * comes on air: the server may have been restarted, or may have given the broadcast up.
 */
export class StateSender {
  readonly #outbox = new StateOutbox();
  #request: ((batch: StateBatch) => Promise<unknown>) | undefined;
  #sending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** False where the state is full; it stays as it was. @throws RangeError above OVERLAY_MAX_BYTES */
  set(message: KeyedMessage): boolean {
    const fits = this.#outbox.set(message);
    void this.#send();
    return fits;
  }

  entries(): KeyedMessage[] {
    return this.#outbox.entries();
  }

  /** On air: `request` carries a batch to the server until `offAir`. */
  onAir(request: (batch: StateBatch) => Promise<unknown>): void {
    this.#outbox.restart();
    this.#request = request;
    void this.#send();
  }

  offAir(): void {
    this.#request = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** One batch at a time; never rejects. */
  async #send(): Promise<void> {
    if (this.#sending || this.#timer !== undefined) return;
    const request = this.#request;
    const batch = request && this.#outbox.next();
    if (!request || !batch) return;
    this.#sending = true;
    let waitMs = SEND_EVERY_MS;
    try {
      await request(batch);
      this.#outbox.sent(batch);
    } catch (error) {
      console.warn('onecast: the state was not taken:', error);
      // What is refused for good is not worth saying again.
      if (error instanceof OnecastError && error.retry === 'never') this.#outbox.sent(batch);
      else waitMs = RETRY_MS;
    }
    this.#sending = false;
    // Off air meanwhile: coming on air begins anew.
    if (!this.#request) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#send();
      },
      this.#request === request ? waitMs : 0,
    );
  }
}
