import { captureTimeFault } from '#protocol/capture-time.ts';
import { OnecastError } from '#protocol/errors.ts';
import { OVERLAY_MAX_BYTES, OVERLAY_MAX_PER_S, type OverlayMessage } from '#protocol/overlay.ts';
import type { KeyedMessage } from '#protocol/overlay-state.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import { type StateBatch, StateOutbox } from './state-outbox.ts';

type WithoutSeq<T> = T extends unknown ? Omit<T, 'seq'> : never;
/** A message as a source makes it; `OverlaySender` adds `seq`. */
export type OutgoingOverlayMessage = WithoutSeq<OverlayMessage>;

/** The overlay's data channel of one broadcast. */
export interface OverlayChannel {
  /** False where the channel is not open, or so full that the message would arrive too late. */
  send(text: string): boolean;
}

/** Carries a batch to the server over signalling; rejects where the server refuses or does not answer. */
type SetStateRequest = (batch: StateBatch) => Promise<unknown>;

/** At most 20 requests a second, which the server accepts; changes within that time go together. */
const STATE_EVERY_MS = 50;
const STATE_RETRY_MS = 1_000;
const encoder = new TextEncoder();

/**
 * The publisher's side of the overlay, for the life of the page. Messages without a key go to the
 * data channel of the current broadcast, numbered per topic. Keyed state goes to the server over
 * signalling while the page is live. Each time the page becomes live it sends all of its keyed
 * state, because the server may have restarted or ended the broadcast in the meantime.
 */
export class OverlaySender {
  readonly #now: () => number;
  readonly #state = new StateOutbox();
  /** The `seq` of the last message of each topic. */
  readonly #lastSeq = new Map<string, number>();
  #channel: { readonly channel: OverlayChannel; readonly rate: TokenBucket } | undefined;
  #setStateRequest: SetStateRequest | undefined;
  #sendingState = false;
  #stateTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A broadcast begins: `send` uses `channel` until the returned function is called. */
  openChannel(channel: OverlayChannel): () => void {
    const rate = { burst: OVERLAY_MAX_PER_S, perS: OVERLAY_MAX_PER_S };
    this.#channel = { channel, rate: new TokenBucket(rate, this.#now()) };
    this.restartSequence();
    return () => {
      if (this.#channel?.channel === channel) this.#channel = undefined;
    };
  }

  /** A new broadcast epoch: viewers expect every topic to begin at 1. */
  restartSequence(): void {
    this.#lastSeq.clear();
  }

  /**
   * Sends a message without a key. False where it was dropped: no channel, a full channel, or too
   * many messages a second.
   * @throws RangeError above OVERLAY_MAX_BYTES, or for a time that is not in ms since 1970
   */
  send(message: OutgoingOverlayMessage): boolean {
    assertTimes(message);
    if (!this.#channel) return false;
    const { channel, rate } = this.#channel;
    // The server ends a broadcast that sends far more; this page never gets there.
    if (!rate.tryConsume(this.#now())) return false;
    const { topic } = message;
    const seq = (this.#lastSeq.get(topic) ?? 0) + 1;
    this.#lastSeq.set(topic, seq);
    const text = JSON.stringify({ ...message, seq });
    // Only a text near the limit is worth counting byte by byte.
    const isLarge = text.length > OVERLAY_MAX_BYTES / 4;
    if (isLarge && encoder.encode(text).byteLength > OVERLAY_MAX_BYTES) {
      throw new RangeError(`an overlay message holds at most ${OVERLAY_MAX_BYTES} bytes`);
    }
    return channel.send(text);
  }

  /**
   * Sets or deletes one key, live or not. False where the state is full; it stays as it was.
   * @throws RangeError above OVERLAY_MAX_BYTES, or for a time that is not in ms since 1970
   */
  setState(message: KeyedMessage): boolean {
    assertTimes(message);
    const fits = this.#state.set(message);
    void this.#sendState();
    return fits;
  }

  /** All keys that this page holds. */
  state(): KeyedMessage[] {
    return this.#state.entries();
  }

  /** The page is live: `request` carries the keyed state until the returned function is called. */
  goLive(request: SetStateRequest): () => void {
    this.#state.resendAll();
    this.#setStateRequest = request;
    void this.#sendState();
    return () => {
      if (this.#setStateRequest !== request) return;
      this.#setStateRequest = undefined;
      clearTimeout(this.#stateTimer);
      this.#stateTimer = undefined;
    };
  }

  /** One batch at a time; never rejects. */
  async #sendState(): Promise<void> {
    if (this.#sendingState || this.#stateTimer !== undefined) return;
    const request = this.#setStateRequest;
    const batch = request && this.#state.nextBatch();
    if (!request || !batch) return;
    this.#sendingState = true;
    let waitMs = STATE_EVERY_MS;
    try {
      await request(batch);
      this.#state.confirm(batch);
    } catch (error) {
      console.warn('onecast: the server did not accept the overlay state:', error);
      // The server would refuse the same batch again.
      const isFinal = error instanceof OnecastError && error.retry === 'never';
      if (isFinal) this.#state.confirm(batch);
      else waitMs = STATE_RETRY_MS;
    }
    this.#sendingState = false;
    // No longer live: all state is sent when the page is live again.
    if (!this.#setStateRequest) return;
    this.#stateTimer = setTimeout(
      () => {
        this.#stateTimer = undefined;
        void this.#sendState();
      },
      this.#setStateRequest === request ? waitMs : 0,
    );
  }
}

/** The server and the viewers would drop the message without a word. */
function assertTimes({
  capturedAt,
  frame,
}: Pick<OutgoingOverlayMessage, 'capturedAt' | 'frame'>): void {
  for (const time of [capturedAt, frame?.capturedAt ?? 0]) {
    const fault = captureTimeFault(time);
    if (fault !== undefined) throw new RangeError(fault);
  }
}
