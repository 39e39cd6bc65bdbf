/**
 * Keyed state: overlay messages that have a key. The server keeps the newest message of each key and
 * numbers every change, so that a viewer that joins late, or that lost a change, ends with the same
 * state as all others.
 */
import * as v from 'valibot';
import { DataMessageSchema, OVERLAY_MAX_BYTES, ShapesMessageSchema } from './overlay.ts';

/** How many keys one origin may have in a room. */
export const STATE_MAX_KEYS = 128;
/**
 * Bytes of JSON that one origin may have in a room. There are two origins, so each viewer that joins
 * gets up to twice this, and two hundred viewers may join in a second.
 */
export const STATE_MAX_BYTES = 64 * 1024;
/** Messages in one `setState`. The bytes are bounded by the size limit of a signalling message. */
export const STATE_MAX_BATCH = 64;

const { kind: shapesKind, topic, capturedAt, shapes } = ShapesMessageSchema.entries;
const { kind: dataKind, data } = DataMessageSchema.entries;

/** The name of one piece of state in its topic. */
const Key = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:-]{1,64}$/));

const KeyedShapes = { kind: shapesKind, topic, key: Key, capturedAt, shapes: v.nullable(shapes) };
const KeyedData = { kind: dataKind, topic, key: Key, capturedAt, data };

/**
 * One piece of state, sent by the publisher's page (`setState`) or by a program (ingest). It is valid
 * until its key is set again or deleted; `null` as `shapes` or `data` deletes the key. It has no
 * `ttlMs`, and no `seq` because the server's revision gives the order.
 */
export const KeyedMessageSchema = v.variant('kind', [
  v.strictObject(KeyedShapes),
  v.strictObject(KeyedData),
]);
export type KeyedMessage = v.InferOutput<typeof KeyedMessageSchema>;

/** Topic and key, as the publisher's page lists them in `setState`. */
export const StateKeySchema = v.tuple([topic, Key]);
export type StateKey = v.InferOutput<typeof StateKeySchema>;

/** Who set a key: the publisher's page or a program. Neither can change the other's keys. */
const from = v.picklist(['page', 'ingest']);
export type StateOrigin = v.InferOutput<typeof from>;

/** One key's state, as the server sends it to viewers. */
export const StateEntrySchema = v.variant('kind', [
  v.object({ ...KeyedShapes, from }),
  v.object({ ...KeyedData, from }),
]);
export type StateEntry = v.InferOutput<typeof StateEntrySchema>;

const stateId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,32}$/));
const rev = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/**
 * From the server to a viewer: the whole state of a room after change number `rev`. Changes are
 * counted for each `stateId`; a new `stateId` means that the count has started again.
 */
export const StateSnapshotSchema = v.object({
  stateId,
  rev,
  entries: v.pipe(v.array(StateEntrySchema), v.maxLength(2 * STATE_MAX_KEYS)),
});
export type StateSnapshot = v.InferOutput<typeof StateSnapshotSchema>;

/**
 * From the server to viewers, on the data channel `state`: change number `rev`. Without `entry` it
 * only announces that `rev` is the current number, so that a viewer notices a lost change.
 */
export const StateChangeSchema = v.object({ stateId, rev, entry: v.optional(StateEntrySchema) });
export type StateChange = v.InferOutput<typeof StateChangeSchema>;

/** What a change adds to the message: `stateId`, `rev`, `from` and the field names. */
const ENVELOPE_MAX_BYTES = 256;

/** Whether the message deletes its key. */
export function isDeletion(message: KeyedMessage | StateEntry): boolean {
  return (message.kind === 'shapes' ? message.shapes : message.data) === null;
}

/** The entry that announces that this key was deleted. */
export function deletionOf(entry: StateEntry): StateEntry {
  return entry.kind === 'shapes' ? { ...entry, shapes: null } : { ...entry, data: null };
}

/** One string for topic and key, with the origin if it is given; for use as a Map key. */
export function stateKeyId({
  topic,
  key,
  from,
}: {
  topic: string;
  key: string;
  from?: StateOrigin;
}) {
  // Topics and keys cannot contain a space.
  return from === undefined ? `${topic} ${key}` : `${from} ${topic} ${key}`;
}

/** Parses the JSON of a StateChange. Returns `undefined` for anything else; never throws. */
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
