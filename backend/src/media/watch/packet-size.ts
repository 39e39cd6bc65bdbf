import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';

type SizeLimits = Pick<Limits, 'packetMeanMaxBytes' | 'bitrateCheckMs'>;
type Counters = Pick<types.ProducerStat, 'ssrc' | 'byteCount' | 'packetCount'>;

/**
 * Compares the mean size of each stream's packets since the last check with what fits Ethernet. A worker
 * keeps up to 2,500 packets of a stream for retransmission, whatever their size; a sender of WebRTC
 * keeps below the MTU.
 */
export class PacketSize {
  readonly #limits: Pick<Limits, 'packetMeanMaxBytes'>;
  #last = new Map<number, Counters>();

  constructor(limits: Pick<Limits, 'packetMeanMaxBytes'>) {
    this.#limits = limits;
  }

  /** `streams`: the counters of one producer. True if the publisher must be closed. */
  exceeds(streams: readonly Counters[]): boolean {
    const last = this.#last;
    this.#last = new Map(streams.map((stream) => [stream.ssrc, stream]));
    return streams.some(({ ssrc, byteCount, packetCount }) => {
      const before = last.get(ssrc) ?? { byteCount: 0, packetCount: 0 };
      const packets = packetCount - before.packetCount;
      return (
        packets > 0 && (byteCount - before.byteCount) / packets > this.#limits.packetMeanMaxBytes
      );
    });
  }
}

/** Calls `exceeded` once if the producer's packets are too large; ends with the producer. */
export function watchPacketSize(
  producer: types.Producer,
  limits: SizeLimits,
  exceeded: () => void,
): void {
  const size = new PacketSize(limits);
  let asking = false;
  const check = async () => {
    // A hung worker never answers; its watchdog handles that.
    if (asking || producer.closed) return;
    asking = true;
    const streams = await producer.getStats().catch(() => []);
    asking = false;
    if (producer.closed || !size.exceeds(streams)) return;
    clearInterval(interval);
    exceeded();
  };
  const interval = setInterval(() => void check(), limits.bitrateCheckMs);
  interval.unref();
  producer.observer.once('close', () => clearInterval(interval));
}
