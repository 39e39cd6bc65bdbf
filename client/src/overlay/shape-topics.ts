import {
  type FrameId,
  OVERLAY_MAX_TOPICS,
  type Shape,
  type ShapesMessage,
} from '#protocol/overlay.ts';
import { stateKeyId, type StateEntry } from '#protocol/overlay-state.ts';

export interface ShownTopic {
  /** The topic; for keyed state, origin, topic and key. */
  readonly topic: string;
  readonly shapes: readonly Shape[];
}

interface Entry extends ShownTopic {
  /** Keyed state: bounded by the server, and never dropped to make room. */
  readonly isState: boolean;
  readonly seq: number;
  readonly frame: FrameId | undefined;
  readonly receivedAt: number;
  readonly expiresAt: number;
}

/**
 * The shapes that are on the video: the newest list of each topic until it is replaced or cleared, or
 * its `ttlMs` has passed. Times are ms of any clock that never goes back. `ttlMs` counts from the
 * moment the message is applied, because the publisher's clock is not this page's.
 */
export class ShapeTopics {
  /** Back to front. A replaced topic keeps its place, so that nothing flickers between front and back. */
  readonly #entries = new Map<string, Entry>();

  apply(message: ShapesMessage, now: number): void {
    const { topic, shapes, seq, frame, ttlMs = Infinity } = message;
    if (shapes.length === 0) {
      this.#entries.delete(topic);
      return;
    }
    if (!this.#entries.has(topic)) this.#makeRoom();
    this.#entries.set(topic, {
      topic,
      shapes,
      isState: false,
      seq,
      frame,
      receivedAt: now,
      expiresAt: now + ttlMs,
    });
  }

  /** Sets or deletes one key of the state; its shapes stay until the key is set or deleted again. */
  set(entry: StateEntry, now: number): void {
    if (entry.kind !== 'shapes') return;
    const keyId = stateKeyId(entry);
    if (entry.shapes === null) {
      this.#entries.delete(keyId);
      return;
    }
    this.#entries.set(keyId, {
      topic: keyId,
      shapes: entry.shapes,
      isState: true,
      seq: 0,
      frame: undefined,
      receivedAt: now,
      expiresAt: Infinity,
    });
  }

  /** Removes the topics whose `ttlMs` has passed; true where there was one. */
  expire(now: number): boolean {
    let changed = false;
    for (const { topic, expiresAt } of this.#entries.values()) {
      if (expiresAt <= now) changed = this.#entries.delete(topic) || changed;
    }
    return changed;
  }

  /** The picture was turned: removes the shapes that were made from a frame before; true where there were any. */
  pictureTurned(): boolean {
    let changed = false;
    for (const { topic, frame } of this.#entries.values()) {
      if (frame !== undefined) changed = this.#entries.delete(topic) || changed;
    }
    return changed;
  }

  /** When `expire` removes the next topic; undefined for never. */
  nextExpiry(): number | undefined {
    const next = Math.min(...[...this.#entries.values()].map(({ expiresAt }) => expiresAt));
    return Number.isFinite(next) ? next : undefined;
  }

  /** Back to front. */
  shown(): readonly (ShownTopic & Pick<Entry, 'seq' | 'frame'>)[] {
    return [...this.#entries.values()];
  }

  clear(): void {
    this.#entries.clear();
  }

  #makeRoom(): void {
    const passing = [...this.#entries.values()].filter(({ isState }) => !isState);
    if (passing.length < OVERLAY_MAX_TOPICS) return;
    const oldest = passing.reduce((a, b) => (b.receivedAt < a.receivedAt ? b : a));
    this.#entries.delete(oldest.topic);
  }
}
