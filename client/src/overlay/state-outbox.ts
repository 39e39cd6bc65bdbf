import { OVERLAY_MAX_BYTES } from '#protocol/overlay.ts';
import {
  isDeletion,
  type KeyedMessage,
  slotOf,
  STATE_MAX_BATCH,
  STATE_MAX_BYTES,
  STATE_MAX_KEYS,
  type StateKey,
} from '#protocol/overlay-state.ts';

/** What one `setState` carries. */
export interface StateBatch {
  /** All keys that this page holds; the server deletes its others. Left out: they stay. */
  readonly keys?: StateKey[];
  readonly messages: KeyedMessage[];
}

/** Signalling takes 64 KiB a message; the rest is for the envelope. */
const BATCH_MAX_BYTES = 48 * 1024;
const encoder = new TextEncoder();

/**
 * Publisher's side of the keyed state: holds the newest of each key and knows what the server has
 * not confirmed. One batch is under way at a time, so a later value never overtakes.
 */
export class StateOutbox {
  readonly #held = new Map<string, { message: KeyedMessage; bytes: number }>();
  /** Newest unconfirmed message of each key, deletions too. */
  readonly #pending = new Map<string, KeyedMessage>();
  #bytes = 0;
  /** The server is still to hear which keys there are. */
  #anew = true;
  #underWay: StateBatch | undefined;

  /** False where it does not fit: the state before stays. @throws RangeError above OVERLAY_MAX_BYTES */
  set(message: KeyedMessage): boolean {
    const slot = slotOf(message);
    const held = this.#held.get(slot);
    if (isDeletion(message)) {
      if (!held) return true;
      this.#held.delete(slot);
      this.#bytes -= held.bytes;
      this.#pending.set(slot, message);
      return true;
    }
    const bytes = encoder.encode(JSON.stringify(message)).byteLength;
    if (bytes > OVERLAY_MAX_BYTES) {
      throw new RangeError(`an overlay message holds at most ${OVERLAY_MAX_BYTES} bytes`);
    }
    const allBytes = this.#bytes + bytes - (held?.bytes ?? 0);
    if ((!held && this.#held.size >= STATE_MAX_KEYS) || allBytes > STATE_MAX_BYTES) return false;
    this.#bytes = allBytes;
    this.#held.set(slot, { message, bytes });
    this.#pending.set(slot, message);
    return true;
  }

  entries(): KeyedMessage[] {
    return [...this.#held.values()].map(({ message }) => message);
  }

  /** The server may know nothing, or what is old: all of it goes out again. */
  restart(): void {
    this.#anew = true;
    // Its answer would be that of a server that may have forgotten everything since.
    this.#underWay = undefined;
    this.#pending.clear();
    for (const [slot, { message }] of this.#held) this.#pending.set(slot, message);
  }

  /** What to send next, until `sent` is told of it; undefined where the server knows all. */
  next(): StateBatch | undefined {
    if (!this.#anew && this.#pending.size === 0) return undefined;
    const keys = this.#anew ? this.#keys() : undefined;
    const messages: KeyedMessage[] = [];
    let bytes = keys === undefined ? 0 : encoder.encode(JSON.stringify(keys)).byteLength;
    for (const message of this.#pending.values()) {
      bytes += encoder.encode(JSON.stringify(message)).byteLength + 1;
      if (messages.length >= STATE_MAX_BATCH || bytes > BATCH_MAX_BYTES) break;
      messages.push(message);
    }
    this.#underWay = { ...(keys && { keys }), messages };
    return this.#underWay;
  }

  /** The server has answered to `batch`. What was set anew meanwhile is still to be sent. */
  sent(batch: StateBatch): void {
    if (batch !== this.#underWay) return;
    this.#underWay = undefined;
    if (batch.keys) this.#anew = false;
    for (const message of batch.messages) {
      const slot = slotOf(message);
      if (this.#pending.get(slot) === message) this.#pending.delete(slot);
    }
  }

  #keys(): StateKey[] {
    return this.entries().map(({ topic, key }) => [topic, key]);
  }
}
