import { OVERLAY_MAX_TOPICS, type OverlayMessage, parseOverlayMessage } from '#protocol/overlay.ts';

/** The newest overlay message of each topic, for viewers who join late. */
export class RetainedMessages {
  readonly #topics = new Map<string, { message: OverlayMessage; expiresAt: number }>();

  /** Takes one message off the wire. False where it was not a valid overlay message. */
  accept(text: string, now: number): boolean {
    const message = parseOverlayMessage(text);
    if (!message) return false;
    this.keep(message, now);
    return true;
  }

  keep(message: OverlayMessage, now: number): void {
    const held = this.#topics.get(message.topic);
    if (held && message.seq <= held.message.seq) return;
    // Re-inserted, so that the topic that has been silent for longest goes when there are too many.
    this.#topics.delete(message.topic);
    this.#topics.set(message.topic, { message, expiresAt: now + (message.ttlMs ?? Infinity) });
    if (this.#topics.size > OVERLAY_MAX_TOPICS) {
      const [oldest] = this.#topics.keys();
      if (oldest !== undefined) this.#topics.delete(oldest);
    }
  }

  /** What still stands on the picture at `now`. */
  list(now: number): OverlayMessage[] {
    return [...this.#topics.values()]
      .filter(({ expiresAt }) => expiresAt > now)
      .map(({ message }) => message);
  }

  clear(): void {
    this.#topics.clear();
  }
}
