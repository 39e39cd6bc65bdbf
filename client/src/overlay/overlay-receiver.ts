import {
  isNewerSeq,
  OVERLAY_MAX_TOPICS,
  type OverlayMessage,
  parseOverlayMessage,
} from '#protocol/overlay.ts';
import { parseStateChange, type StateEntry, type StateSnapshot } from '#protocol/overlay-state.ts';
import type { DataChannelName, OverlaySnapshot } from '#protocol/signalling.ts';
import { BoundedMap } from '#protocol/bounded-map.ts';
import { StateReplica } from './state-replica.ts';

/** Time between two requests for a snapshot, ms: a change that is missing after that was lost later. */
const SNAPSHOT_EVERY_MS = 1_000;
/** State changes that a simulated loss drops. */
const SIMULATED_LOSS = 3;

/**
 * Accepts only messages that are newer than the last one of their topic. The data channel is
 * neither ordered nor reliable, and a retained message may arrive after a newer live one.
 */
export class NewestPerTopic {
  /** The `seq` of the last message of each topic. */
  readonly #lastSeq = new BoundedMap<string, number>(OVERLAY_MAX_TOPICS);

  accept({ topic, seq }: Pick<OverlayMessage, 'topic' | 'seq'>): boolean {
    const last = this.#lastSeq.get(topic);
    if (last !== undefined && !isNewerSeq(seq, last)) return false;
    this.#lastSeq.set(topic, seq);
    return true;
  }

  /** A new broadcast: every topic begins at 1 again. */
  reset(): void {
    this.#lastSeq.clear();
  }
}

/**
 * The viewer's side of the overlay: parses what the data channels bring and passes on the newest
 * message of each topic, and every change of the keyed state in order.
 */
export class OverlayReceiver {
  readonly #requestSnapshot: () => Promise<StateSnapshot>;
  /** The publisher's page and the server's ingest number their messages separately. */
  readonly #newest = { page: new NewestPerTopic(), ingest: new NewestPerTopic() } as const;
  readonly #replica = new StateReplica();
  readonly #messageListeners = new Set<(message: OverlayMessage) => void>();
  readonly #stateListeners = new Set<(entry: StateEntry) => void>();
  readonly #resetListeners = new Set<() => void>();
  #snapshotPending = false;
  #snapshotTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #changesToLose = 0;

  /** @param requestSnapshot requests the keyed state from the server, over signalling */
  constructor(requestSnapshot: () => Promise<StateSnapshot>) {
    this.#requestSnapshot = requestSnapshot;
  }

  /** All keyed state that this viewer has. */
  state(): StateEntry[] {
    return this.#replica.entries();
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

  /** A new broadcast: messages without a key are forgotten, keyed state stays and is reported again. */
  broadcastStarted(): void {
    this.#newest.page.reset();
    this.#newest.ingest.reset();
    for (const listener of this.#resetListeners) listener();
    this.#reportState(this.#replica.entries());
  }

  /** Applies what the server's answers and pushes hold of the overlay: the state first. */
  applySnapshot({ page, ingest, state }: OverlaySnapshot): void {
    this.#reportState(this.#replica.applySnapshot(state));
    this.#requestMissing();
    for (const message of page) this.#reportNewer(message, this.#newest.page);
    for (const message of ingest) this.#reportNewer(message, this.#newest.ingest);
  }

  /** One message of a data channel; an invalid one is dropped. */
  receive(channel: DataChannelName, text: string): void {
    switch (channel) {
      case 'page':
      case 'ingest':
        return this.#reportNewer(parseOverlayMessage(text), this.#newest[channel]);
      case 'state':
        return this.#receiveChange(text);
      default:
        channel satisfies never;
    }
  }

  /** Drops the next few state changes, as a full data channel does silently. */
  simulateLoss(): void {
    this.#changesToLose = SIMULATED_LOSS;
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#snapshotTimer);
  }

  #receiveChange(text: string): void {
    const change = parseStateChange(text);
    if (!change) return;
    if (change.entry && this.#changesToLose > 0) {
      this.#changesToLose -= 1;
      return;
    }
    this.#reportState(this.#replica.applyChange(change));
    this.#requestMissing();
  }

  #reportNewer(message: OverlayMessage | undefined, newest: NewestPerTopic): void {
    if (!message || !newest.accept(message)) return;
    for (const listener of this.#messageListeners) listener(message);
  }

  #reportState(changed: readonly StateEntry[]): void {
    for (const entry of changed) for (const listener of this.#stateListeners) listener(entry);
  }

  /**
   * Requests a snapshot where changes are missing, one request at a time. Without a socket the
   * request fails; the answer to the next join or resume then holds a snapshot.
   */
  #requestMissing(): void {
    if (this.#snapshotPending || this.#closed || !this.#replica.isBehind) return;
    this.#snapshotPending = true;
    void this.#requestSnapshot()
      .then(
        (snapshot) => this.#reportState(this.#replica.applySnapshot(snapshot)),
        (error: unknown) => console.info('onecast: no snapshot of the overlay state:', error),
      )
      .finally(() => {
        if (this.#closed) return;
        this.#snapshotTimer = setTimeout(() => {
          this.#snapshotPending = false;
          this.#requestMissing();
        }, SNAPSHOT_EVERY_MS);
      });
  }
}
