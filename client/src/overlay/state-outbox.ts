import { OVERLAY_MAX_BYTES } from '#protocol/overlay.ts';
import {
  isDeletion,
  type KeyedMessage,
  stateKeyId,
  STATE_MAX_BATCH,
  STATE_MAX_BYTES,
  STATE_MAX_KEYS,
  type StateKey,
} from '#protocol/overlay-state.ts';

/** What one `setState` carries. */
export interface StateBatch {
  /** All keys that this page holds; the server deletes this page's other keys. Left out: they stay. */
  readonly keys?: StateKey[];
  readonly messages: KeyedMessage[];
}

/** A signalling message holds at most 64 KiB; the rest is for the envelope. */
const BATCH_MAX_BYTES = 48 * 1024;
const encoder = new TextEncoder();

/**
 * The publisher's copy of its keyed state: holds the newest message of each key and knows which ones
 * the server has not confirmed. Only one batch is under way at a time, so that an old value never
 * arrives after a newer one.
 */
export class StateOutbox {
  readonly #held = new Map<string, { message: KeyedMessage; bytes: number }>();
  /** Newest unconfirmed message of each key, deletions too. */
  readonly #unconfirmed = new Map<string, KeyedMessage>();
  #bytes = 0;
  /** The server does not know yet which keys this page holds. */
  #keysUnconfirmed = true;
  #underWay: StateBatch | undefined;

  /** False where the state is full: it stays as it was. @throws RangeError above OVERLAY_MAX_BYTES */
  set(message: KeyedMessage): boolean {
    const keyId = stateKeyId(message);
    const held = this.#held.get(keyId);
    if (isDeletion(message)) {
      if (!held) return true;
      this.#held.delete(keyId);
      this.#bytes -= held.bytes;
      this.#unconfirmed.set(keyId, message);
      return true;
    }
    const bytes = encoder.encode(JSON.stringify(message)).byteLength;
    if (bytes > OVERLAY_MAX_BYTES) {
      throw new RangeError(`an overlay message holds at most ${OVERLAY_MAX_BYTES} bytes`);
    }
    const allBytes = this.#bytes + bytes - (held?.bytes ?? 0);
    if ((!held && this.#held.size >= STATE_MAX_KEYS) || allBytes > STATE_MAX_BYTES) return false;
    this.#bytes = allBytes;
    this.#held.set(keyId, { message, bytes });
    this.#unconfirmed.set(keyId, message);
    return true;
  }

  entries(): KeyedMessage[] {
    return [...this.#held.values()].map(({ message }) => message);
  }

  /** The server may have an old state or none: everything is sent again. */
  resendAll(): void {
    this.#keysUnconfirmed = true;
    // A late answer to this batch may come from a server that has forgotten the state since.
    this.#underWay = undefined;
    this.#unconfirmed.clear();
    for (const [keyId, { message }] of this.#held) this.#unconfirmed.set(keyId, message);
  }

  /** The batch to send, the same until it is confirmed; undefined where the server knows everything. */
  nextBatch(): StateBatch | undefined {
    if (!this.#keysUnconfirmed && this.#unconfirmed.size === 0) return undefined;
    const keys = this.#keysUnconfirmed ? this.#keys() : undefined;
    const messages: KeyedMessage[] = [];
    let bytes = keys === undefined ? 0 : encoder.encode(JSON.stringify(keys)).byteLength;
    for (const message of this.#unconfirmed.values()) {
      bytes += encoder.encode(JSON.stringify(message)).byteLength + 1;
      if (messages.length >= STATE_MAX_BATCH || bytes > BATCH_MAX_BYTES) break;
      messages.push(message);
    }
    this.#underWay = { ...(keys && { keys }), messages };
    return this.#underWay;
  }

  /** The server has answered to `batch`. A key that was set again in the meantime stays unconfirmed. */
  confirm(batch: StateBatch): void {
    if (batch !== this.#underWay) return;
    this.#underWay = undefined;
    if (batch.keys) this.#keysUnconfirmed = false;
    for (const message of batch.messages) {
      const keyId = stateKeyId(message);
      if (this.#unconfirmed.get(keyId) === message) this.#unconfirmed.delete(keyId);
    }
  }

  #keys(): StateKey[] {
    return this.entries().map(({ topic, key }) => [topic, key]);
  }
}
