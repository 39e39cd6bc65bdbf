import type { Limits } from '#config/limits.ts';
import type { Log } from '../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import { OVERLAY_MAX_BYTES, type OverlayMessage } from '#protocol/overlay.ts';
import type { IngestMessage } from '#protocol/ingest.ts';
import type { KeyedMessage, StateChange, StateKey } from '#protocol/overlay-state.ts';
import type { OverlaySnapshot } from '#protocol/signalling.ts';
import { newStateId } from '../admission/secrets.ts';
import { KeyedState } from './keyed-state.ts';
import { type ServerChannel, ServerChannels, type ServerChannelsHost } from './server-channels.ts';
import { RetainedMessages } from './retained-messages.ts';

/**
 * The overlay of one room as the server knows it: the newest of what passes by, the keyed state, and
 * what programs beside the publisher's page send.
 */
export class RoomOverlay {
  readonly #limits: Limits;
  readonly #channels: ServerChannels;
  /** Of the page's own channel. */
  readonly #page = new RetainedMessages();
  readonly #ingest = new RetainedMessages();
  readonly #state = new KeyedState(newStateId());
  /** Numbers what comes from outside, as long as the room lives. */
  #ingestSeq = 0;
  #reannounceTimer: NodeJS.Timeout | undefined;

  constructor(host: ServerChannelsHost, limits: Limits, log: Log) {
    this.#limits = limits;
    this.#channels = new ServerChannels(host, limits, log);
  }

  get serverChannels(): ServerChannel[] {
    return this.#channels.channels;
  }

  /** For those who join late or have lost something. What passes by belongs to a broadcast. */
  snapshot(onAir: boolean): OverlaySnapshot {
    const now = performance.now();
    return {
      page: onAir ? this.#page.list(now) : [],
      ingest: onAir ? this.#ingest.list(now) : [],
      state: this.#state.snapshot(),
    };
  }

  /** One message of the page's own channel. False where it was not a valid one. */
  passed(text: string): boolean {
    return this.#page.accept(text, performance.now());
  }

  /**
   * State of the publisher's page. With `keys` it holds these and no others.
   * @throws OnecastError `message-too-large`, `state-full`
   */
  setFromPage(keys: readonly StateKey[] | undefined, messages: readonly KeyedMessage[]): void {
    if (keys) for (const change of this.#state.keepOnly(keys, 'page')) this.#publish(change);
    for (const message of messages) {
      const change = this.#state.set(message, 'page');
      if (change) this.#publish(change);
    }
  }

  /** @returns its bytes @throws OnecastError `not-live`, `message-too-large`, `state-full` */
  setFromIngest({ keyed, message }: IngestMessage, onAir: boolean): number {
    const capturedAt = message.capturedAt ?? Date.now();
    if (keyed) {
      const change = this.#state.set({ ...message, capturedAt }, 'ingest');
      return change ? this.#publish(change) : 0;
    }
    if (!onAir) throw new OnecastError('not-live');
    const numbered: OverlayMessage = { ...message, capturedAt, seq: this.#ingestSeq + 1 };
    const text = JSON.stringify(numbered);
    const bytes = Buffer.byteLength(text);
    if (bytes > OVERLAY_MAX_BYTES) throw new OnecastError('message-too-large');
    this.#ingestSeq += 1;
    this.#ingest.keep(numbered, performance.now());
    this.#channels.send('ingest', text);
    return bytes;
  }

  /** Another page is on air; its own state it tells itself. */
  broadcastBegan(): void {
    this.#page.clear();
  }

  /** What belonged to the broadcast goes with it. Keys from outside stay till they are deleted. */
  broadcastEnded(): void {
    this.#page.clear();
    this.#ingest.clear();
    for (const change of this.#state.keepOnly([], 'page')) this.#publish(change);
  }

  close(): void {
    clearTimeout(this.#reannounceTimer);
  }

  /** @returns its bytes */
  #publish(change: StateChange): number {
    const text = JSON.stringify(change);
    this.#channels.send('state', text);
    this.#reannounceIn(this.#limits.stateReannounceMinMs);
    return Buffer.byteLength(text);
  }

  /**
   * A full buffer drops silently, even on a reliable channel. A change that is lost shows by the next
   * one; for the last there is no next, so word of the count is repeated, ever more rarely.
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
