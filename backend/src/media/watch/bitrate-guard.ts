import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { OVERLAY_MAX_BYTES, OVERLAY_MAX_PER_S } from '#protocol/overlay.ts';

type Received = Pick<
  types.WebRtcTransportStat,
  'bytesReceived' | 'rtpBytesReceived' | 'rtxBytesReceived'
>;
type GuardLimits = Pick<
  Limits,
  | 'publisherBitrateMaxBps'
  | 'bitrateCheckMs'
  | 'overlayBitrateCheckMs'
  | 'bitrateTolerance'
  | 'bitrateStrikesMax'
  | 'bitrateGrossFactor'
>;

/**
 * Judges what a publisher sends against what was agreed. The hint that its browser gets
 * (`setMaxIncomingBitrate`) binds only a browser that heeds it. The picture and the sound are judged
 * by their RTP packets, the overlay by the rest.
 */
export class BitrateGuard {
  readonly #media: Excess;
  readonly #overlay: Excess;

  constructor(limits: GuardLimits) {
    const { publisherBitrateMaxBps, bitrateCheckMs, overlayBitrateCheckMs } = limits;
    const overlayBps = OVERLAY_MAX_BYTES * OVERLAY_MAX_PER_S * 8;
    this.#media = new Excess(publisherBitrateMaxBps, bitrateCheckMs, limits);
    this.#overlay = new Excess(overlayBps, overlayBitrateCheckMs, limits);
  }

  /** Takes the transport's counters as they are at `now` (ms). True where it has gone too far. */
  saw(received: Received, now: number): boolean {
    const media = received.rtpBytesReceived + received.rtxBytesReceived;
    const tooMuchMedia = this.#media.saw(media, now);
    return this.#overlay.saw(received.bytesReceived - media, now) || tooMuchMedia;
  }
}

/** One kind of bytes against its agreed rate. */
class Excess {
  readonly #agreedBps: number;
  readonly #checkMs: number;
  readonly #limits: GuardLimits;
  #last: { readonly at: number; readonly bytes: number } | undefined;
  #strikes = 0;

  constructor(agreedBps: number, checkMs: number, limits: GuardLimits) {
    this.#agreedBps = agreedBps;
    this.#checkMs = checkMs;
    this.#limits = limits;
  }

  saw(bytes: number, now: number): boolean {
    const last = this.#last;
    if (last && now - last.at < this.#checkMs) return false;
    this.#last = { at: now, bytes };
    if (!last) return false;
    const { bitrateTolerance, bitrateStrikesMax, bitrateGrossFactor } = this.#limits;
    const factor = ((bytes - last.bytes) * 8_000) / (now - last.at) / this.#agreedBps;
    this.#strikes = factor > bitrateTolerance ? this.#strikes + 1 : 0;
    return this.#strikes >= bitrateStrikesMax || factor > bitrateGrossFactor;
  }
}
