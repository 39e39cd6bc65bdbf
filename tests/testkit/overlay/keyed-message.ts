import type { KeyedMessage } from '#protocol/overlay-state.ts';

/** A piece of keyed state as a test needs it: JSON under a key of the topic `match`; `null` deletes the key. */
export function keyedMessage(key: string, value: unknown): Extract<KeyedMessage, { kind: 'data' }> {
  return { kind: 'data', topic: 'match', key, capturedAt: 1, data: value };
}
