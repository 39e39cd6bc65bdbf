import { OVERLAY_MAX_TOPICS, type OverlayMessage } from '#protocol/overlay.ts';

/**
 * Viewer's side: lets only messages through that are newer than the last of their topic, and counts
 * what never came. The channel is neither ordered nor reliable, and a retained message may arrive
 * after a newer live one.
 */
export class OverlaySequence {
  /** Least recently heard topic first. */
  readonly #last = new Map<string, number>();
  #missed = 0;

  /** Messages of the current broadcast that were sent and never seen, as far as later ones tell. */
  get missed(): number {
    return this.#missed;
  }

  accept(message: Pick<OverlayMessage, 'topic' | 'seq'>): boolean {
    const { topic, seq } = message;
    const last = this.#last.get(topic);
    if (last !== undefined) {
      if (seq <= last) return false;
      this.#missed += seq - last - 1;
    }
    this.#last.delete(topic);
    this.#last.set(topic, seq);
    if (this.#last.size > OVERLAY_MAX_TOPICS) {
      const oldest = this.#last.keys().next();
      if (!oldest.done) this.#last.delete(oldest.value);
    }
    return true;
  }

  /** A new broadcast: every topic begins at 1 again. */
  reset(): void {
    this.#last.clear();
    this.#missed = 0;
  }
}

/** Publisher's side: the next `seq` of each topic, from 1. */
export class OverlaySequencer {
  readonly #last = new Map<string, number>();

  next(topic: string): number {
    const seq = (this.#last.get(topic) ?? 0) + 1;
    this.#last.set(topic, seq);
    return seq;
  }

  reset(): void {
    this.#last.clear();
  }
}
