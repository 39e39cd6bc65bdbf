import type { types } from 'mediasoup';
import type { Limits } from '../../../config/limits.ts';
import { OVERLAY_MAX_BYTES, OVERLAY_MAX_PER_S } from '../protocol/overlay.ts';

type Received = Pick<
  types.WebRtcTransportStat,
  'bytesReceived' | 'rtpBytesReceived' | 'rtxBytesReceived'
>;
type GuardLimits = Pick<
  Limits,
  | 'publisherBitrateMaxBps'
  | 'bitrateCheckMs'
  | 'bitrateTolerance'
  | 'bitrateStrikesMax'
  | 'bitrateGrossFactor'
>;

/**
 * Judges what a publisher sends against what was agreed. The hint that its browser gets
 * (`setMaxIncomingBitrate`) binds only a browser that heeds it. Two measures: the picture and the
 * sound by their RTP packets, and everything that arrives, with room for the overlay.
 */
export class BitrateGuard {
  readonly #limits: GuardLimits;
  #last: { readonly at: number; readonly received: Received } | undefined;
  #strikes = 0;

  constructor(limits: GuardLimits) {
    this.#limits = limits;
  }

  /** Takes the transport's counters as they are at `now` (ms). True where it has gone too far. */
  saw(received: Received, now: number): boolean {
    const last = this.#last;
    if (last && now - last.at < this.#limits.bitrateCheckMs) return false;
    this.#last = { at: now, received };
    if (!last) return false;
    const bps = (bytes: number) => (bytes * 8_000) / (now - last.at);
    const media = mediaBytes(received) - mediaBytes(last.received);
    const all = received.bytesReceived - last.received.bytesReceived;
    const { publisherBitrateMaxBps, bitrateTolerance, bitrateStrikesMax, bitrateGrossFactor } =
      this.#limits;
    const overlayBps = OVERLAY_MAX_BYTES * OVERLAY_MAX_PER_S * 8;
    const factor = Math.max(
      bps(media) / publisherBitrateMaxBps,
      bps(all) / (publisherBitrateMaxBps + overlayBps),
    );
    this.#strikes = factor > bitrateTolerance ? this.#strikes + 1 : 0;
    return this.#strikes >= bitrateStrikesMax || factor > bitrateGrossFactor;
  }
}

function mediaBytes({ rtpBytesReceived, rtxBytesReceived }: Received): number {
  return rtpBytesReceived + rtxBytesReceived;
}
