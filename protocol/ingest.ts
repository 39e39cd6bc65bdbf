/**
 * Ingest: overlay messages that a program sends to the server, by HTTP or socket, instead of the
 * publisher's page. They have no `seq`: the server numbers them. `capturedAt` is optional: the server
 * fills in the time of arrival.
 */
import * as v from 'valibot';
import { DataMessageSchema, ShapesMessageSchema } from './overlay.ts';
import { KeyedMessageSchema } from './overlay-state.ts';

const { seq: _shapesSeq, ...shapes } = ShapesMessageSchema.entries;
const { seq: _dataSeq, ...data } = DataMessageSchema.entries;
const [keyedShapes, keyedData] = KeyedMessageSchema.options;
const capturedAt = v.optional(shapes.capturedAt);

/** Strict, so that the program learns of a misspelt field instead of seeing no effect. */
const LiveSchema = v.variant('kind', [
  v.strictObject({ ...shapes, capturedAt }),
  v.strictObject({ ...data, capturedAt }),
]);
const KeyedSchema = v.variant('kind', [
  v.strictObject({ ...keyedShapes.entries, capturedAt }),
  v.strictObject({ ...keyedData.entries, capturedAt }),
]);

export type IngestLiveMessage = v.InferOutput<typeof LiveSchema>;
export type IngestKeyedMessage = v.InferOutput<typeof KeyedSchema>;
export type IngestMessage =
  | { readonly keyed: true; readonly message: IngestKeyedMessage }
  | { readonly keyed: false; readonly message: IngestLiveMessage };

/** The parsed message, or the first problem with it as `path: reason`, at most 200 characters. */
export function parseIngestMessage(value: unknown): IngestMessage | { readonly problem: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: 'a message is one JSON object' };
  }
  if ('key' in value) {
    const parsed = v.safeParse(KeyedSchema, value);
    return parsed.success
      ? { keyed: true, message: parsed.output }
      : { problem: describe(parsed.issues[0]) };
  }
  const parsed = v.safeParse(LiveSchema, value);
  return parsed.success
    ? { keyed: false, message: parsed.output }
    : { problem: describe(parsed.issues[0]) };
}

function describe(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? 'message'}: ${issue.message}`.slice(0, 200);
}
