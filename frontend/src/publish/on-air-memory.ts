import type { RoomId } from '#protocol/ids.ts';
import * as v from 'valibot';

const text = v.pipe(v.string(), v.maxLength(1000));

const RememberedBroadcastSchema = v.object({
  from: v.picklist(['camera', 'screen']),
  cameraId: v.optional(text),
  /** Absent where the sound was off. */
  microphoneId: v.optional(text),
  overlay: text,
  note: text,
  /** ms since 1970. */
  startedAt: v.number(),
});
/** What a page needs to go on air again as it was. */
export type RememberedBroadcast = v.InferOutput<typeof RememberedBroadcastSchema>;

/** Remembers, for as long as the tab lives, that this page is on air: a reload then goes on by itself. */
export class BroadcastMemory {
  readonly #key: string;
  readonly #storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

  constructor(room: RoomId, storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>) {
    this.#key = `onecast.onair.${room}`;
    this.#storage = storage;
  }

  read(): RememberedBroadcast | undefined {
    try {
      return v.parse(RememberedBroadcastSchema, JSON.parse(this.#storage.getItem(this.#key) ?? ''));
    } catch {
      // Never written, written by another version, or closed to this page: the same as not on air.
      return undefined;
    }
  }

  write(onAir: RememberedBroadcast): void {
    try {
      this.#storage.setItem(this.#key, JSON.stringify(onAir));
    } catch {
      // Storage may be full or closed to this page; the broadcast does not depend on it.
    }
  }

  forget(): void {
    try {
      this.#storage.removeItem(this.#key);
    } catch {
      // As above.
    }
  }
}
