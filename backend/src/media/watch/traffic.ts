import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import type { Metrics } from '../../observability/metrics.ts';

/** What this needs of a publisher or viewer. */
export interface TrafficSource {
  readonly role: 'publisher' | 'viewer';
  readonly session: { readonly openTransport: types.WebRtcTransport | undefined };
  /** Of a publisher. */
  readonly broadcast?: { readonly producers: readonly types.Producer[] } | undefined;
}

/**
 * Counts what flows. A worker has no sum of its own, so its transports are asked, a few at a time in
 * turn: the cost does not grow with the number of viewers, only the time between two looks at one.
 */
export class Traffic {
  readonly #sources: () => Iterator<TrafficSource>;
  readonly #limits: Pick<Limits, 'trafficIntervalMs' | 'trafficAskedMax'>;
  readonly #metrics: Pick<Metrics, 'mediaBytes' | 'packetsLost'>;
  /** What each transport or producer said last. */
  readonly #seen = new WeakMap<object, number>();
  readonly #interval: NodeJS.Timeout;
  #round: Iterator<TrafficSource> | undefined;
  #asking = false;

  constructor(
    sources: () => Iterator<TrafficSource>,
    limits: Pick<Limits, 'trafficIntervalMs' | 'trafficAskedMax'>,
    metrics: Pick<Metrics, 'mediaBytes' | 'packetsLost'>,
  ) {
    this.#sources = sources;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#interval = setInterval(() => void this.#look(), limits.trafficIntervalMs);
    this.#interval.unref();
  }

  close(): void {
    clearInterval(this.#interval);
  }

  /** Never rejects. Nobody is asked anew while a worker that hangs has not answered. */
  async #look(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    await Promise.allSettled(this.#next().map((source) => this.#ask(source)));
    this.#asking = false;
  }

  /** The next few of the round; it ends with the last one and begins anew at the next look. */
  #next(): TrafficSource[] {
    const next: TrafficSource[] = [];
    this.#round ??= this.#sources();
    while (next.length < this.#limits.trafficAskedMax) {
      const { done, value } = this.#round.next();
      if (done === true) {
        this.#round = undefined;
        break;
      }
      next.push(value);
    }
    return next;
  }

  async #ask({ role, session, broadcast }: TrafficSource): Promise<void> {
    const transport = session.openTransport;
    if (!transport) return;
    const [stats] = await transport.getStats();
    if (!stats) return;
    if (role === 'viewer') {
      this.#metrics.mediaBytes('out', this.#rise(transport, stats.bytesSent));
      return;
    }
    this.#metrics.mediaBytes('in', this.#rise(transport, stats.bytesReceived));
    for (const producer of broadcast?.producers ?? []) {
      if (producer.closed) continue;
      const streams = await producer.getStats();
      const lost = streams.reduce((sum, { packetsLost }) => sum + packetsLost, 0);
      this.#metrics.packetsLost(this.#rise(producer, lost));
    }
  }

  /** Packets that come late make the number fall; a counter only rises. */
  #rise(of: object, now: number): number {
    const before = this.#seen.get(of) ?? 0;
    this.#seen.set(of, Math.max(before, now));
    return Math.max(0, now - before);
  }
}
