import { OnecastError } from '#protocol/errors.ts';
import {
  deletionOf,
  isDeletion,
  type KeyedMessage,
  stateKeyId,
  STATE_MAX_BYTES,
  STATE_MAX_KEYS,
  type StateChange,
  type StateEntry,
  type StateKey,
  type StateOrigin,
  type StateSnapshot,
} from '#protocol/overlay-state.ts';
import { OVERLAY_MAX_BYTES } from '#protocol/overlay.ts';

interface Held {
  readonly entry: StateEntry;
  /** The message as JSON, to recognise a repetition of it. */
  readonly text: string;
  readonly bytes: number;
}

interface Sum {
  keys: number;
  bytes: number;
}

/**
 * The keyed state of one room, and the only sequencer of its changes: every change gets the next
 * `rev`, without gaps. When the state is full it refuses new keys; it never evicts accepted ones.
 */
export class KeyedState {
  readonly #stateId: string;
  readonly #held = new Map<string, Held>();
  readonly #sums: Readonly<Record<StateOrigin, Sum>> = {
    page: { keys: 0, bytes: 0 },
    ingest: { keys: 0, bytes: 0 },
  };
  #rev = 0;
  #snapshot: StateSnapshot | undefined;

  /** @param stateId unique for each new room, so that a `rev` of an older room is never mistaken */
  constructor(stateId: string) {
    this.#stateId = stateId;
  }

  get rev(): number {
    return this.#rev;
  }

  /**
   * Sets or deletes one key.
   * @returns undefined if that changes nothing
   * @throws OnecastError `message-too-large`, `state-full`
   */
  set(message: KeyedMessage, from: StateOrigin): StateChange | undefined {
    const slot = stateKeyId({ ...message, from });
    const held = this.#held.get(slot);
    const entry: StateEntry = { ...message, from };
    if (isDeletion(message)) return held && this.#delete(slot, held, entry);
    const text = JSON.stringify(message);
    if (held?.text === text) return undefined;
    const bytes = Buffer.byteLength(text);
    if (bytes > OVERLAY_MAX_BYTES) throw new OnecastError('message-too-large');
    const sum = this.#sums[from];
    const keys = sum.keys + (held ? 0 : 1);
    const allBytes = sum.bytes + bytes - (held?.bytes ?? 0);
    if (keys > STATE_MAX_KEYS || allBytes > STATE_MAX_BYTES) throw new OnecastError('state-full');
    sum.keys = keys;
    sum.bytes = allBytes;
    // A key that is set again keeps its place in the order, so that its drawing stays in its layer.
    this.#held.set(slot, { entry, text, bytes });
    return this.#changed(entry);
  }

  /** Deletes all keys of `from` except `keys`. */
  keepOnly(keys: readonly StateKey[], from: StateOrigin): StateChange[] {
    const kept = new Set(keys.map(([topic, key]) => stateKeyId({ topic, key, from })));
    return [...this.#held].flatMap(([slot, held]) => {
      if (held.entry.from !== from || kept.has(slot)) return [];
      return [this.#delete(slot, held, deletionOf(held.entry))];
    });
  }

  snapshot(): StateSnapshot {
    this.#snapshot ??= {
      stateId: this.#stateId,
      rev: this.#rev,
      entries: [...this.#held.values()].map(({ entry }) => entry),
    };
    return this.#snapshot;
  }

  /** The current `rev` without a change: a viewer that missed the last change notices by it. */
  announcement(): StateChange {
    return { stateId: this.#stateId, rev: this.#rev };
  }

  #delete(slot: string, { bytes }: Held, entry: StateEntry): StateChange {
    this.#held.delete(slot);
    this.#sums[entry.from].keys -= 1;
    this.#sums[entry.from].bytes -= bytes;
    return this.#changed(entry);
  }

  #changed(entry: StateEntry): StateChange {
    this.#rev += 1;
    this.#snapshot = undefined;
    return { stateId: this.#stateId, rev: this.#rev, entry };
  }
}
