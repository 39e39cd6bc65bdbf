import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';

export interface PublisherLivenessEvents {
  alive(beats: boolean): void;
  /** What its transport has received up to now. */
  received(stats: types.WebRtcTransportStat): void;
}

/**
 * Tells whether anything at all arrives on a publisher's transport. Consent checks and RTCP count,
 * so a shared screen that does not change still has a pulse; a line that is cut has none. Much
 * sooner than ICE, whose consent takes `iceConsentTimeoutS`.
 */
export class PublisherLiveness {
  readonly #transport: types.WebRtcTransport;
  readonly #limits: Limits;
  readonly #events: PublisherLivenessEvents;
  readonly #interval: NodeJS.Timeout;
  #bytes = -1;
  #silentSince = 0;
  #alive = true;
  #asking = false;

  constructor(transport: types.WebRtcTransport, limits: Limits, events: PublisherLivenessEvents) {
    this.#transport = transport;
    this.#limits = limits;
    this.#events = events;
    this.#silentSince = performance.now();
    this.#interval = setInterval(() => this.#ask(), limits.livenessIntervalMs);
    this.#interval.unref();
    transport.observer.once('close', () => this.close());
  }

  close(): void {
    clearInterval(this.#interval);
  }

  #ask(): void {
    // A worker that hangs never answers; its watchdog deals with that.
    if (this.#asking || this.#transport.closed) return;
    this.#asking = true;
    this.#transport.getStats().then(
      ([stats]) => {
        this.#asking = false;
        if (!stats || this.#transport.closed) return;
        this.#saw(stats.bytesReceived);
        this.#events.received(stats);
      },
      () => {
        this.#asking = false;
      },
    );
  }

  #saw(bytes: number): void {
    const now = performance.now();
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#silentSince = now;
    }
    const beats = now - this.#silentSince < this.#limits.publisherSilentMs;
    if (beats === this.#alive) return;
    this.#alive = beats;
    this.#events.alive(beats);
  }
}
