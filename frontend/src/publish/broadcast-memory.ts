import type { RoomId } from '#protocol/ids.ts';
import * as v from 'valibot';

const text = v.pipe(v.string(), v.maxLength(1000));

const RememberedBroadcastSchema = v.object({
  from: v.picklist(['camera', 'screen']),
  cameraId: v.optional(text),
  /** The camera's id changes with another port. */
  cameraLabel: v.optional(text),
  /** Absent if the microphone was off. */
  microphoneId: v.optional(text),
  microphoneLabel: v.optional(text),
  overlay: text,
  note: text,
  /** ms since 1970. */
  startedAt: v.number(),
  /** When this page was last known to be on air, ms since 1970. */
  seenAt: v.number(),
});
/** What a reloaded page needs to continue the broadcast. */
export type RememberedBroadcast = v.InferOutput<typeof RememberedBroadcastSchema>;

type BroadcastStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Remembers in the tab's storage that this page is live: on-air-intent.ts says what that is good for. */
export class BroadcastMemory {
  readonly #key: string;
  readonly #storage: () => BroadcastStorage;

  /** @param storage throws where it is blocked */
  constructor(room: RoomId, storage: () => BroadcastStorage) {
    this.#key = `onecast.onair.${room}`;
    this.#storage = storage;
  }

  read(): RememberedBroadcast | undefined {
    try {
      return v.parse(
        RememberedBroadcastSchema,
        JSON.parse(this.#storage().getItem(this.#key) ?? ''),
      );
    } catch {
      // Never written, written by another version, or not accessible: the same as not live.
      return undefined;
    }
  }

  write(broadcast: RememberedBroadcast): void {
    try {
      this.#storage().setItem(this.#key, JSON.stringify(broadcast));
    } catch {
      // Storage may be full or not accessible; the broadcast does not depend on it.
    }
  }

  forget(): void {
    try {
      this.#storage().removeItem(this.#key);
    } catch {
      // As above.
    }
  }
}
