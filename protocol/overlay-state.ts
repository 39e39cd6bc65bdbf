/**
 * State that survives: overlay messages with a key. The server keeps the newest of each key and
 * numbers every change, so that whoever joins late or has lost something ends with the same as
 * everybody else.
 */
import * as v from 'valibot';
import { DataMessageSchema, OVERLAY_MAX_BYTES, ShapesMessageSchema } from './overlay.ts';

/** Keys that one origin may hold in a room. */
export const STATE_MAX_KEYS = 128;
/**
 * Bytes of JSON that one origin may hold in a room. Twice this goes to each viewer who joins, and
 * two hundred may join in a second.
 */
export const STATE_MAX_BYTES = 64 * 1024;
/** Messages in one `setState`; in bytes it is bounded by what signalling takes. */
export const STATE_MAX_BATCH = 64;

const { kind: shapesKind, topic, capturedAt, shapes } = ShapesMessageSchema.entries;
const { kind: dataKind, data } = DataMessageSchema.entries;

/** Names one piece of state within its topic. */
const Key = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:-]{1,64}$/));

const KeyedShapes = { kind: shapesKind, topic, key: Key, capturedAt, shapes: v.nullable(shapes) };
const KeyedData = { kind: dataKind, topic, key: Key, capturedAt, data };

/**
 * One piece of state: it stands until its key is set anew or deleted. `null` in the place of the
 * shapes or of the data deletes. It has no `ttlMs` and no `seq`: the server's revision is its order.
 */
export const KeyedMessageSchema = v.variant('kind', [
  v.strictObject(KeyedShapes),
  v.strictObject(KeyedData),
]);
export type KeyedMessage = v.InferOutput<typeof KeyedMessageSchema>;

/** Topic and key. */
export const StateKeySchema = v.tuple([topic, Key]);
export type StateKey = v.InferOutput<typeof StateKeySchema>;

/** Who set it: the publisher's page, or a program beside it. Neither touches the other's keys. */
const from = v.picklist(['page', 'ingest']);
export type StateOrigin = v.InferOutput<typeof from>;

export const StateEntrySchema = v.variant('kind', [
  v.object({ ...KeyedShapes, from }),
  v.object({ ...KeyedData, from }),
]);
export type StateEntry = v.InferOutput<typeof StateEntrySchema>;

const stateId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,32}$/));
const rev = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** All of a room's state after the change `rev`. Another `stateId` is another count of changes. */
export const StateSnapshotSchema = v.object({
  stateId,
  rev,
  entries: v.pipe(v.array(StateEntrySchema), v.maxLength(2 * STATE_MAX_KEYS)),
});
export type StateSnapshot = v.InferOutput<typeof StateSnapshotSchema>;

/** Change number `rev`; without `entry` only word of how far the count has come. */
export const StateChangeSchema = v.object({ stateId, rev, entry: v.optional(StateEntrySchema) });
export type StateChange = v.InferOutput<typeof StateChangeSchema>;

/** Beside the message: `stateId`, `rev`, `from` and their names. */
const ENVELOPE_MAX_BYTES = 256;

export function isDeletion(message: KeyedMessage | StateEntry): boolean {
  return (message.kind === 'shapes' ? message.shapes : message.data) === null;
}

/** What is told of a key that is no longer set. */
export function deletionOf(entry: StateEntry): StateEntry {
  return entry.kind === 'shapes' ? { ...entry, shapes: null } : { ...entry, data: null };
}

/** One name for topic and key, within an origin or with it. */
export function slotOf({ topic, key, from }: { topic: string; key: string; from?: StateOrigin }) {
  // Neither of them can hold a space.
  return from === undefined ? `${topic} ${key}` : `${from} ${topic} ${key}`;
}

/** `undefined` for anything that is not a valid change; never throws. */
export function parseStateChange(text: string): StateChange | undefined {
  if (text.length > OVERLAY_MAX_BYTES + ENVELOPE_MAX_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(StateChangeSchema, value);
  return parsed.success ? parsed.output : undefined;
}
