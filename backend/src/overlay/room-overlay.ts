import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { IngestMessage } from '#protocol/ingest.ts';
import type { KeyedMessage, StateChange, StateKey } from '#protocol/overlay-state.ts';
import { OVERLAY_MAX_BYTES, type OverlayMessage } from '#protocol/overlay.ts';
import type { IngestResult, OverlaySnapshot } from '#protocol/signalling.ts';
import { newStateId } from '../admission/secrets.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { ProgramClock } from './program-clock.ts';
import { Ingest } from './ingest.ts';
import { KeyedState } from './keyed-state.ts';
import { RetainedMessages } from './retained-messages.ts';
import { type ServerChannel, ServerChannels, type ServerChannelsHost } from './server-channels.ts';

export interface RoomOverlayHost extends ServerChannelsHost {
  /** Viewers receive a broadcast now. */
  isLive(): boolean;
}

/**
 * The server's part in the overlay of one room: the newest message of each topic, the keyed state,
 * and the messages of programs other than the publisher's page.
 */
export class RoomOverlay {
  readonly #host: RoomOverlayHost;
  readonly #limits: Limits;
  readonly #metrics: Metrics;
  readonly #channels: ServerChannels;
  readonly #ingest: Ingest;
  readonly #clock: ProgramClock;
  /** From the page's own channel. */
  readonly #pageMessages = new RetainedMessages();
  readonly #ingestMessages = new RetainedMessages();
  readonly #state = new KeyedState(newStateId());
  /** The `seq` of the newest ingest message. It rises as long as the room lives. */
  #ingestSeq = 0;
  #reannounceTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(host: RoomOverlayHost, limits: Limits, log: Log, metrics: Metrics) {
    this.#host = host;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#channels = new ServerChannels(host, limits, log);
    this.#clock = new ProgramClock(limits);
    this.#ingest = new Ingest((message) => this.#setFromIngest(message), limits, metrics);
  }

  /** The server's own data channels, in addition to the publisher's. */
  get serverChannels(): readonly ServerChannel[] {
    return this.#channels.channels;
  }

  /** The overlay as it is now, for a viewer that joins late or has missed something. */
  snapshot(): OverlaySnapshot {
    const now = performance.now();
    const live = this.#host.isLive();
    return {
      page: live ? this.#pageMessages.list(now) : [],
      ingest: live ? this.#ingestMessages.list(now) : [],
      state: this.#state.snapshot(),
    };
  }

  /** One message of the page's own channel. */
  receivedFromPage(message: Buffer): void {
    const valid = this.#pageMessages.receive(message.toString('utf8'), performance.now());
    this.#metrics.overlay(valid ? 'taken' : 'dropped', message.byteLength);
  }

  /**
   * Sets state of the publisher's page. With `keys`, the page's other keys are deleted first.
   * @throws OnecastError `message-too-large`, `state-full`
   */
  setFromPage(keys: readonly StateKey[] | undefined, messages: readonly KeyedMessage[]): void {
    if (keys) for (const change of this.#state.keepOnly(keys, 'page')) this.#send(change);
    for (const message of messages) {
      const change = this.#state.set(message, 'page');
      if (change) this.#send(change);
    }
  }

  /**
   * Messages of a program other than the publisher's page.
   * @param messages parsed JSON; undefined in place of a line that was not JSON
   * @throws IngestBusy; OnecastError `room-unknown` if the room has closed
   */
  ingest(messages: readonly unknown[]): IngestResult {
    if (this.#closed) throw new OnecastError('room-unknown');
    return this.#ingest.receive(messages);
  }

  /** The clock of the publisher's page, ms since 1970, as its `publish` reports it. */
  publisherClockIs(at: number): void {
    this.#clock.publisherClockIs(at);
  }

  /** @returns the bytes sent @throws OnecastError `clock-off`, `not-live`, `message-too-large`, `state-full` */
  #setFromIngest(received: IngestMessage): number {
    const capturedAt = this.#clock.capturedAt(received);
    const { keyed, message } = received;
    if (keyed) {
      const change = this.#state.set({ ...message, capturedAt }, 'ingest');
      return change ? this.#send(change) : 0;
    }
    if (!this.#host.isLive()) throw new OnecastError('not-live');
    const numbered: OverlayMessage = { ...message, capturedAt, seq: this.#ingestSeq + 1 };
    const text = JSON.stringify(numbered);
    const bytes = Buffer.byteLength(text);
    if (bytes > OVERLAY_MAX_BYTES) throw new OnecastError('message-too-large');
    this.#ingestSeq += 1;
    this.#ingestMessages.keep(numbered, performance.now());
    this.#channels.send('ingest', text);
    return bytes;
  }

  /** Another page is live now. It sends its own keyed state, which replaces the old page's. */
  broadcastBegan(): void {
    this.#pageMessages.clear();
  }

  /** Clears everything that belonged to the broadcast. Ingest keys stay until they are deleted. */
  broadcastEnded(): void {
    this.#pageMessages.clear();
    this.#ingestMessages.clear();
    for (const change of this.#state.keepOnly([], 'page')) this.#send(change);
  }

  /** The room has another owner: nothing of the previous one stays, keys of its programs included. */
  ownerChanged(): void {
    this.broadcastEnded();
    for (const change of this.#state.keepOnly([], 'ingest')) this.#send(change);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#reannounceTimer);
  }

  /** @returns the bytes sent */
  #send(change: StateChange): number {
    const text = JSON.stringify(change);
    this.#channels.send('state', text);
    this.#reannounceIn(this.#limits.stateReannounceMinMs);
    return Buffer.byteLength(text);
  }

  /**
   * A full buffer drops messages silently, even on a reliable channel. The viewer notices a lost
   * change by the `rev` of the next one. No change follows the last one, so its `rev` is announced
   * again, at intervals that double.
   */
  #reannounceIn(ms: number): void {
    clearTimeout(this.#reannounceTimer);
    this.#reannounceTimer = setTimeout(() => {
      this.#channels.send('state', JSON.stringify(this.#state.announcement()));
      this.#reannounceIn(Math.min(ms * 2, this.#limits.stateReannounceMaxMs));
    }, ms);
    this.#reannounceTimer.unref();
  }
}
