import {
  type FrameName,
  OVERLAY_MAX_TOPICS,
  type Shape,
  type ShapesMessage,
} from '#protocol/overlay.ts';

export interface ShownTopic {
  readonly topic: string;
  readonly shapes: readonly Shape[];
}

interface Entry extends ShownTopic {
  readonly seq: number;
  readonly frame: FrameName | undefined;
  readonly receivedAt: number;
  readonly expiresAt: number;
}

/**
 * Which shapes stand on the picture: the newest list of each topic until it is replaced, cleared or
 * past its `ttlMs`. Times are ms of any clock that never goes back; `ttlMs` counts from when it is
 * applied, for the publisher's clock is not this page's.
 */
export class ShapeTopics {
  /** A topic keeps its place when it is replaced, so that nothing flickers between front and back. */
  readonly #entries = new Map<string, Entry>();

  apply(message: ShapesMessage, now: number): void {
    const { topic, shapes, seq, frame, ttlMs = Infinity } = message;
    if (shapes.length === 0) {
      this.#entries.delete(topic);
      return;
    }
    if (!this.#entries.has(topic) && this.#entries.size >= OVERLAY_MAX_TOPICS) this.#dropOldest();
    this.#entries.set(topic, {
      topic,
      shapes,
      seq,
      frame,
      receivedAt: now,
      expiresAt: now + ttlMs,
    });
  }

  /** Drops what is past its time; true where something was. */
  expire(now: number): boolean {
    let changed = false;
    for (const { topic, expiresAt } of this.#entries.values()) {
      if (expiresAt <= now) changed = this.#entries.delete(topic) || changed;
    }
    return changed;
  }

  /** When `expire` will have something to do next; undefined for never. */
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

  #dropOldest(): void {
    let oldest: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (!oldest || entry.receivedAt < oldest.receivedAt) oldest = entry;
    }
    if (oldest) this.#entries.delete(oldest.topic);
  }
}
