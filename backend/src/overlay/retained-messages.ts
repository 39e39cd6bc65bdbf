import { BoundedMap } from '#protocol/bounded-map.ts';
import {
  isNewerSeq,
  OVERLAY_MAX_TOPICS,
  type OverlayMessage,
  parseOverlayMessage,
} from '#protocol/overlay.ts';

/** The newest overlay message of each topic, for viewers that join late. Times are in ms. */
export class RetainedMessages {
  /** Full, it drops the topic that has been silent for longest. */
  readonly #topics = new BoundedMap<string, { message: OverlayMessage; expiresAt: number }>(
    OVERLAY_MAX_TOPICS,
  );

  /** Parses and keeps one message of the publisher. Returns whether the message was valid. */
  receive(text: string, now: number): boolean {
    const message = parseOverlayMessage(text);
    if (!message) return false;
    this.keep(message, now);
    return true;
  }

  keep(message: OverlayMessage, now: number): void {
    const held = this.#topics.get(message.topic);
    if (held && !isNewerSeq(message.seq, held.message.seq)) return;
    this.#topics.set(message.topic, { message, expiresAt: now + (message.ttlMs ?? Infinity) });
  }

  /** The messages that have not expired at `now`. */
  list(now: number): OverlayMessage[] {
    return [...this.#topics.values()]
      .filter(({ expiresAt }) => expiresAt > now)
      .map(({ message }) => message);
  }

  clear(): void {
    this.#topics.clear();
  }
}
