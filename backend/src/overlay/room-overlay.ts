import type { Limits } from '#config/limits.ts';
import type { Log } from '../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import { OVERLAY_MAX_BYTES, type OverlayMessage } from '#protocol/overlay.ts';
import type { OutsideMessage } from '#protocol/ingest.ts';
import type { KeyedMessage, StateChange, StateKey } from '#protocol/overlay-state.ts';
import type { OverlaySnapshot } from '#protocol/signalling.ts';
import { newStateId } from '../admission/secrets.ts';
import { OverlayState } from './keyed-state.ts';
import { type OpenRelay, Relay, type RelayHost } from './server-channels.ts';
import { RetainedOverlay } from './retained-messages.ts';

/**
 * The overlay of one room as the server knows it: the newest of what passes by, the keyed state, and
 * what programs beside the publisher's page send.
 */
export class RoomOverlay {
  readonly #limits: Limits;
  readonly #relay: Relay;
  /** Of the page's own channel. */
  readonly #page = new RetainedOverlay();
  readonly #outside = new RetainedOverlay();
  readonly #state = new OverlayState(newStateId());
  /** Numbers what comes from outside, as long as the room lives. */
  #outsideSeq = 0;
  #beat: NodeJS.Timeout | undefined;

  constructor(host: RelayHost, limits: Limits, log: Log) {
    this.#limits = limits;
    this.#relay = new Relay(host, limits, log);
  }

  get relays(): OpenRelay[] {
    return this.#relay.channels;
  }

  /** For those who join late or have lost something. What passes by belongs to a broadcast. */
  snapshot(onAir: boolean): OverlaySnapshot {
    const now = performance.now();
    return {
      page: onAir ? this.#page.list(now) : [],
      outside: onAir ? this.#outside.list(now) : [],
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
    if (keys) for (const change of this.#state.keepOnly(keys, 'page')) this.#tell(change);
    for (const message of messages) {
      const change = this.#state.set(message, 'page');
      if (change) this.#tell(change);
    }
  }

  /** @returns its bytes @throws OnecastError `not-live`, `message-too-large`, `state-full` */
  fromOutside({ keyed, message }: OutsideMessage, onAir: boolean): number {
    const capturedAt = message.capturedAt ?? Date.now();
    if (keyed) {
      const change = this.#state.set({ ...message, capturedAt }, 'outside');
      return change ? this.#tell(change) : 0;
    }
    if (!onAir) throw new OnecastError('not-live');
    const numbered: OverlayMessage = { ...message, capturedAt, seq: this.#outsideSeq + 1 };
    const text = JSON.stringify(numbered);
    const bytes = Buffer.byteLength(text);
    if (bytes > OVERLAY_MAX_BYTES) throw new OnecastError('message-too-large');
    this.#outsideSeq += 1;
    this.#outside.keep(numbered, performance.now());
    this.#relay.send('outside', text);
    return bytes;
  }

  /** Another page is on air; its own state it tells itself. */
  broadcastBegan(): void {
    this.#page.clear();
  }

  /** What belonged to the broadcast goes with it. Keys from outside stay till they are deleted. */
  broadcastEnded(): void {
    this.#page.clear();
    this.#outside.clear();
    for (const change of this.#state.keepOnly([], 'page')) this.#tell(change);
  }

  close(): void {
    clearTimeout(this.#beat);
  }

  /** @returns its bytes */
  #tell(change: StateChange): number {
    const text = JSON.stringify(change);
    this.#relay.send('state', text);
    this.#beatIn(this.#limits.stateBeatMinMs);
    return Buffer.byteLength(text);
  }

  /**
   * A full buffer drops silently, even on a reliable channel. A change that is lost shows by the next
   * one; for the last there is no next, so word of the count is repeated, ever more rarely.
   */
  #beatIn(ms: number): void {
    clearTimeout(this.#beat);
    this.#beat = setTimeout(() => {
      this.#relay.send('state', JSON.stringify(this.#state.beat()));
      this.#beatIn(Math.min(ms * 2, this.#limits.stateBeatMaxMs));
    }, ms);
    this.#beat.unref();
  }
}
