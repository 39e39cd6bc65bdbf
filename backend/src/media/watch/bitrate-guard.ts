import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { OVERLAY_MAX_BYTES, OVERLAY_MAX_PER_S } from '#protocol/overlay.ts';

type Received = Pick<
  types.WebRtcTransportStat,
  'bytesReceived' | 'rtpBytesReceived' | 'rtxBytesReceived'
>;
type GuardLimits = Pick<
  Limits,
  | 'bitrateCheckMs'
  | 'overlayBitrateCheckMs'
  | 'bitrateTolerance'
  | 'bitrateStrikesMax'
  | 'bitrateGrossFactor'
>;

/**
 * Compares what a publisher sends with the allowed bitrate. The hint that its browser gets
 * (`setMaxIncomingBitrate`) limits only a browser that obeys it. Video and audio are measured by
 * their RTP packets, the overlay by all other bytes.
 */
export class BitrateGuard {
  readonly #media: RateCheck;
  readonly #overlay: RateCheck;

  /** @param mediaBps the allowed bitrate of video and audio */
  constructor(mediaBps: number, limits: GuardLimits) {
    const { bitrateCheckMs, overlayBitrateCheckMs } = limits;
    const overlayBps = OVERLAY_MAX_BYTES * OVERLAY_MAX_PER_S * 8;
    this.#media = new RateCheck(mediaBps, bitrateCheckMs, limits);
    this.#overlay = new RateCheck(overlayBps, overlayBitrateCheckMs, limits);
  }

  /** `received`: the transport's counters at `now` (ms). True if the publisher must be closed. */
  exceeds(received: Received, now: number): boolean {
    const media = received.rtpBytesReceived + received.rtxBytesReceived;
    const mediaExceeds = this.#media.exceeds(media, now);
    return this.#overlay.exceeds(received.bytesReceived - media, now) || mediaExceeds;
  }
}

/** Compares one counter of bytes with its allowed rate. */
class RateCheck {
  readonly #allowedBps: number;
  readonly #checkMs: number;
  readonly #limits: GuardLimits;
  #last: { readonly at: number; readonly bytes: number } | undefined;
  #strikes = 0;

  constructor(allowedBps: number, checkMs: number, limits: GuardLimits) {
    this.#allowedBps = allowedBps;
    this.#checkMs = checkMs;
    this.#limits = limits;
  }

  exceeds(bytes: number, now: number): boolean {
    const last = this.#last;
    if (last && now - last.at < this.#checkMs) return false;
    this.#last = { at: now, bytes };
    if (!last) return false;
    const { bitrateTolerance, bitrateStrikesMax, bitrateGrossFactor } = this.#limits;
    const factor = ((bytes - last.bytes) * 8_000) / (now - last.at) / this.#allowedBps;
    this.#strikes = factor > bitrateTolerance ? this.#strikes + 1 : 0;
    return this.#strikes >= bitrateStrikesMax || factor > bitrateGrossFactor;
  }
}
