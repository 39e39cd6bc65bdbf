import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';

export interface PublisherLivenessEvents {
  /** Whether a source gives frames or samples, as far as the page states. */
  sends(): boolean;
  aliveChanged(alive: boolean): void;
  /** What the transport has received since it was created; emitted at every poll. */
  statsReceived(stats: types.WebRtcTransportStat): void;
}

/**
 * Detects whether anything at all arrives on a publisher's transport. Consent checks and RTCP count,
 * so a shared screen that does not change is alive, and a path that is cut is not. This is much
 * faster than ICE, which notices only after `iceConsentTimeoutS`.
 */
export class PublisherLiveness {
  readonly #transport: types.WebRtcTransport;
  readonly #limits: Limits;
  readonly #events: PublisherLivenessEvents;
  readonly #interval: NodeJS.Timeout;
  #bytes = -1;
  #silentSince = 0;
  #alive = true;
  #polling = false;

  constructor(transport: types.WebRtcTransport, limits: Limits, events: PublisherLivenessEvents) {
    this.#transport = transport;
    this.#limits = limits;
    this.#events = events;
    this.#silentSince = performance.now();
    this.#interval = setInterval(() => this.#poll(), limits.livenessIntervalMs);
    this.#interval.unref();
    transport.observer.once('close', () => this.close());
  }

  close(): void {
    clearInterval(this.#interval);
  }

  #poll(): void {
    // A hung worker never answers; its watchdog handles that.
    if (this.#polling || this.#transport.closed) return;
    this.#polling = true;
    this.#transport.getStats().then(
      ([stats]) => {
        this.#polling = false;
        if (!stats || this.#transport.closed) return;
        this.#update(stats.bytesReceived);
        this.#events.statsReceived(stats);
      },
      () => {
        this.#polling = false;
      },
    );
  }

  #update(bytes: number): void {
    const now = performance.now();
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#silentSince = now;
    }
    const { publisherSilentMs, publisherIdleSilentMs } = this.#limits;
    const limitMs = this.#events.sends()
      ? publisherSilentMs
      : Math.max(publisherSilentMs, publisherIdleSilentMs);
    const alive = now - this.#silentSince < limitMs;
    if (alive === this.#alive) return;
    this.#alive = alive;
    this.#events.aliveChanged(alive);
  }
}
