import type { types } from 'mediasoup-client';
import { encodingsFor, type LayerWatch, stepLayers } from './layers.ts';
import { stateOfTrack } from './sent-sources.ts';
import {
  beginStill,
  repeatLastFrame,
  sentSampleOf,
  type StillState,
  stepStill,
} from './still-source.ts';
import { onTicks } from './ticks.ts';

/** How often the source is looked at: a still one must be noticed before viewers notice it. */
const WATCH_MS = 200;

interface OpenVideo {
  readonly producer: types.Producer;
  layers: LayerWatch;
  still: StillState | undefined;
}

/** The video of one transport. Its layers follow the source's size, and a still source is repeated. */
export class SentVideo {
  readonly #transport: types.Transport;
  readonly #created: (sender: RTCRtpSender) => void;
  readonly #stopTicks: () => void;
  #open: OpenVideo | undefined;
  #sampling = false;

  /**
   * @param created called for each sender before its first frame
   * @param outgrown called when the source has a size for other layers: `send` must be called again
   */
  constructor(
    transport: types.Transport,
    created: (sender: RTCRtpSender) => void,
    outgrown: () => void,
  ) {
    this.#transport = transport;
    this.#created = created;
    this.#stopTicks = onTicks(WATCH_MS, () => this.#look(outgrown));
    transport.observer.once('close', () => this.close());
  }

  get producerId(): string | undefined {
    const producer = this.#open?.producer;
    return producer && !producer.closed ? producer.id : undefined;
  }

  /**
   * Sends this track. Where its size fits the present layers, the producer stays; it stays without a
   * track too, and the next one continues on it.
   */
  async send(track: MediaStreamTrack | undefined): Promise<void> {
    const before = this.#open?.producer.closed === false ? this.#open : undefined;
    if (!track) {
      if (before?.producer.track) await before.producer.replaceTrack({ track: null });
      return;
    }
    const { width = 0, height = 0 } = track.getSettings();
    const isKnown = width > 0 && height > 0;
    const encodings = encodingsFor(width, height);
    if (before && (!isKnown || encodings.length === before.layers.layers)) {
      if (before.producer.track !== track) await before.producer.replaceTrack({ track });
      return;
    }
    const producer = await this.#transport.produce({
      track,
      encodings,
      codecOptions: { videoGoogleStartBitrate: 1_000 },
      // The page owns the tracks.
      stopTracks: false,
      disableTrackOnPause: false,
      onRtpSender: this.#created,
    });
    // The server closed the one before when it made this one.
    before?.producer.close();
    const layers = { layers: encodings.length, madeAt: performance.now(), otherSince: undefined };
    this.#open = { producer, layers, still: undefined };
  }

  /** Idempotent. Leaves the track open. */
  close(): void {
    this.#stopTicks();
    this.#open = undefined;
  }

  #look(outgrown: () => void): void {
    const open = this.#open;
    const track = open?.producer.track;
    // What the system withholds is not shown again.
    if (!open || open.producer.closed || !track || stateOfTrack(track) !== 'on') return;
    const { width = 0, height = 0 } = track.getSettings();
    const { watch, due } = stepLayers(open.layers, { width, height }, performance.now());
    // Without an answer, the next one is due after the same time again.
    open.layers = due ? { ...watch, madeAt: performance.now() } : watch;
    if (due) outgrown();
    void this.#repeatIfStill(open, track);
  }

  async #repeatIfStill(open: OpenVideo, track: MediaStreamTrack): Promise<void> {
    const sender = open.producer.rtpSender;
    if (!sender || this.#sampling) return;
    this.#sampling = true;
    try {
      const sample = sentSampleOf(await sender.getStats(), performance.now());
      const { state, repeat } = stepStill(open.still ?? beginStill(sample), sample);
      open.still = state;
      if (repeat && open === this.#open && open.producer.track === track) repeatLastFrame(track);
    } finally {
      this.#sampling = false;
    }
  }
}
