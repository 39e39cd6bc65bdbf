import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import type { Metrics } from '../../observability/metrics.ts';

/** The part of a publisher or viewer that this file uses. */
export interface TrafficSource {
  readonly role: 'publisher' | 'viewer';
  readonly session: { readonly openTransport: types.WebRtcTransport | undefined };
  /** Of a publisher only. */
  readonly broadcast?: { readonly producers: readonly types.Producer[] } | undefined;
}

/**
 * Counts media bytes and lost packets. A worker has no totals, so this polls its transports in turn,
 * a few at a time. The cost does not grow with the number of viewers; the time between two polls of
 * one transport does.
 */
export class Traffic {
  readonly #sources: () => Iterator<TrafficSource>;
  readonly #limits: Pick<Limits, 'trafficIntervalMs' | 'trafficReadsMax'>;
  readonly #metrics: Pick<Metrics, 'mediaBytes' | 'packetsLost'>;
  /** The last value of each transport's or producer's counter. */
  readonly #lastValues = new WeakMap<object, number>();
  readonly #interval: NodeJS.Timeout;
  #round: Iterator<TrafficSource> | undefined;
  #polling = false;

  constructor(
    sources: () => Iterator<TrafficSource>,
    limits: Pick<Limits, 'trafficIntervalMs' | 'trafficReadsMax'>,
    metrics: Pick<Metrics, 'mediaBytes' | 'packetsLost'>,
  ) {
    this.#sources = sources;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#interval = setInterval(() => void this.#poll(), limits.trafficIntervalMs);
    this.#interval.unref();
  }

  close(): void {
    clearInterval(this.#interval);
  }

  /** Never rejects. If a hung worker does not answer, no other transport is polled meanwhile. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    await Promise.allSettled(this.#nextSources().map((source) => this.#countSource(source)));
    this.#polling = false;
  }

  /** The next sources of the current round. The poll after the last source starts a new round. */
  #nextSources(): TrafficSource[] {
    const next: TrafficSource[] = [];
    this.#round ??= this.#sources();
    while (next.length < this.#limits.trafficReadsMax) {
      const { done, value } = this.#round.next();
      if (done === true) {
        this.#round = undefined;
        break;
      }
      next.push(value);
    }
    return next;
  }

  async #countSource({ role, session, broadcast }: TrafficSource): Promise<void> {
    const transport = session.openTransport;
    if (!transport) return;
    const [stats] = await transport.getStats();
    if (!stats) return;
    if (role === 'viewer') {
      this.#metrics.mediaBytes('out', this.#increase(transport, stats.bytesSent));
      return;
    }
    this.#metrics.mediaBytes('in', this.#increase(transport, stats.bytesReceived));
    for (const producer of broadcast?.producers ?? []) {
      if (producer.closed) continue;
      const streams = await producer.getStats();
      const lost = streams.reduce((sum, { packetsLost }) => sum + packetsLost, 0);
      this.#metrics.packetsLost(this.#increase(producer, lost));
    }
  }

  /** The loss counter of mediasoup falls when late packets arrive; a metric's counter must not. */
  #increase(of: object, now: number): number {
    const before = this.#lastValues.get(of) ?? 0;
    this.#lastValues.set(of, Math.max(before, now));
    return Math.max(0, now - before);
  }
}
