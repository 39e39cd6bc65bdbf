import { type OverlayMessage, parseOverlayMessage } from '#protocol/overlay.ts';
import { parseStateChange, type StateEntry, type StateSnapshot } from '#protocol/overlay-state.ts';
import type { DataChannelName, OverlaySnapshot } from '#protocol/signalling.ts';
import { OverlaySequence } from '../overlay/sequence.ts';
import { StateFollower } from '../overlay/state-follower.ts';
import type { Faults } from './simulate.ts';

/** Between two requests for a snapshot, ms: what is missing then was lost anew. */
const ASK_EVERY_MS = 1_000;
/** Changes that a simulated loss takes. */
const SIMULATED_LOSS = 3;

/** What arrives for the overlay of a viewer's page, put right: newest of each topic, state in order. */
export class ViewerOverlay {
  readonly #ask: () => Promise<StateSnapshot>;
  readonly #page = new OverlaySequence();
  readonly #ingest = new OverlaySequence();
  readonly #follower = new StateFollower();
  readonly #messageListeners = new Set<(message: OverlayMessage) => void>();
  readonly #stateListeners = new Set<(entry: StateEntry) => void>();
  readonly #resetListeners = new Set<() => void>();
  #asking = false;
  #askTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #toLose = 0;

  /** @param ask for a snapshot of the state, over signalling */
  constructor(ask: () => Promise<StateSnapshot>) {
    this.#ask = ask;
  }

  get faults(): Faults {
    return {
      'overlay-loss': () => {
        this.#toLose = SIMULATED_LOSS;
      },
    };
  }

  /** All keyed state as it is known here. */
  state(): StateEntry[] {
    return this.#follower.entries();
  }

  onMessage(listener: (message: OverlayMessage) => void): () => void {
    this.#messageListeners.add(listener);
    return () => this.#messageListeners.delete(listener);
  }

  onState(listener: (entry: StateEntry) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  onReset(listener: () => void): () => void {
    this.#resetListeners.add(listener);
    return () => this.#resetListeners.delete(listener);
  }

  /** A new broadcast: what passes by begins anew, what is kept stays. */
  newBroadcast(): void {
    this.#page.reset();
    this.#ingest.reset();
    for (const listener of this.#resetListeners) listener();
    this.#showState(this.#follower.entries());
  }

  /** From the answer to an entrance; the state first. */
  take({ page, ingest, state }: OverlaySnapshot): void {
    this.#showState(this.#follower.take(state));
    this.#catchUp();
    for (const message of page) this.#show(message, this.#page);
    for (const message of ingest) this.#show(message, this.#ingest);
  }

  /** One message of a data channel. What is not valid is dropped. */
  receive(channel: DataChannelName, text: string): void {
    switch (channel) {
      case 'page':
        return this.#show(parseOverlayMessage(text), this.#page);
      case 'ingest':
        return this.#show(parseOverlayMessage(text), this.#ingest);
      case 'state':
        return this.#receiveChange(text);
      default:
        channel satisfies never;
    }
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#askTimer);
  }

  #receiveChange(text: string): void {
    const change = parseStateChange(text);
    if (!change) return;
    if (change.entry && this.#toLose > 0) {
      this.#toLose -= 1;
      return;
    }
    this.#showState(this.#follower.accept(change));
    this.#catchUp();
  }

  #show(message: OverlayMessage | undefined, sequence: OverlaySequence): void {
    if (!message || !sequence.accept(message)) return;
    for (const listener of this.#messageListeners) listener(message);
  }

  #showState(changed: readonly StateEntry[]): void {
    for (const entry of changed) for (const listener of this.#stateListeners) listener(entry);
  }

  /** Asks for a snapshot where one is needed, one at a time. Without a socket the next entrance brings it. */
  #catchUp(): void {
    if (this.#asking || this.#closed || !this.#follower.behind) return;
    this.#asking = true;
    void this.#ask()
      .then(
        (snapshot) => this.#showState(this.#follower.take(snapshot)),
        (error: unknown) => console.info('onecast: no snapshot:', error),
      )
      .finally(() => {
        if (this.#closed) return;
        this.#askTimer = setTimeout(() => {
          this.#asking = false;
          this.#catchUp();
        }, ASK_EVERY_MS);
      });
  }
}
