import type { types } from 'mediasoup';
import * as v from 'valibot';

/** A request that brings a key frame within this time was answered. Browsers take about 100 ms. */
const ANSWERED_MS = 1_000;
/** So many intervals and requests are remembered: one that differs by chance decides nothing. */
const REMEMBERED = 3;
/** Packets of one key frame. */
const SAME_FRAME_MS = 50;

/** The part of mediasoup's key-frame event that is read here; its type is `any`. */
const KeyFrameInfoSchema = v.object({ rtpPacket: v.object({ ssrc: v.number() }) });

/**
 * How long a viewer may have to wait for a key frame. OBS and FFmpeg send one every few seconds and
 * none on request; for browsers, which send them on request, there is no interval.
 */
export class KeyFrameInterval {
  readonly #intervals: number[] = [];
  readonly #answered: boolean[] = [];
  #lastAt: number | undefined;
  #requestedAt: number | undefined;

  /** In ms. Undefined while it is not known, and for a publisher that sends key frames on request. */
  get ms(): number | undefined {
    const onRequest = this.#answered.length > 0 && this.#answered.every(Boolean);
    return onRequest || this.#intervals.length === 0 ? undefined : Math.max(...this.#intervals);
  }

  /** @param now in ms */
  requested(now: number): void {
    this.#requestedAt ??= now;
  }

  /** A packet of a key frame has arrived. @param now in ms */
  arrived(now: number): void {
    if (this.#requestedAt !== undefined) {
      remember(this.#answered, now - this.#requestedAt < ANSWERED_MS);
      this.#requestedAt = undefined;
    }
    if (this.#lastAt !== undefined) {
      const since = now - this.#lastAt;
      if (since < SAME_FRAME_MS) return;
      // Tenths of a second: smaller changes would only make work for every page.
      remember(this.#intervals, Math.round(since / 100) * 100);
    }
    this.#lastAt = now;
  }
}

function remember<T>(list: T[], value: T): void {
  list.push(value);
  if (list.length > REMEMBERED) list.shift();
}

/**
 * Measures the key frames of a producer (the first layer that sends one, with simulcast), and calls
 * `changed` when the interval changes.
 */
export async function watchKeyFrames(
  producer: types.Producer,
  changed: (intervalMs: number | undefined) => void,
): Promise<void> {
  const interval = new KeyFrameInterval();
  let reported: number | undefined;
  let ssrc: number | undefined;
  producer.on('trace', (trace) => {
    const now = performance.now();
    if (trace.type !== 'keyframe') {
      interval.requested(now);
      return;
    }
    const from = v.parse(KeyFrameInfoSchema, trace.info).rtpPacket.ssrc;
    ssrc ??= from;
    if (from !== ssrc) return;
    interval.arrived(now);
    if (interval.ms === reported) return;
    reported = interval.ms;
    changed(reported);
  });
  await producer.enableTraceEvent(['keyframe', 'pli', 'fir']);
}
