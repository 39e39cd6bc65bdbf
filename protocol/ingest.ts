/**
 * What a program beside the publisher's page may send. The server numbers it and fills in the time
 * where none is told.
 */
import * as v from 'valibot';
import { DataMessageSchema, ShapesMessageSchema } from './overlay.ts';
import { KeyedMessageSchema } from './overlay-state.ts';

const { seq: _shapesSeq, ...shapes } = ShapesMessageSchema.entries;
const { seq: _dataSeq, ...data } = DataMessageSchema.entries;
const [keyedShapes, keyedData] = KeyedMessageSchema.options;
const capturedAt = v.optional(shapes.capturedAt);

/** Strict, so that a misspelt field is told and not silently without effect. */
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

/** The message, or what is wrong with it: where and what. */
export function parseIngestMessage(value: unknown): IngestMessage | { readonly fault: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { fault: 'a message is one JSON object' };
  }
  if ('key' in value) {
    const parsed = v.safeParse(KeyedSchema, value);
    return parsed.success
      ? { keyed: true, message: parsed.output }
      : { fault: faultOf(parsed.issues[0]) };
  }
  const parsed = v.safeParse(LiveSchema, value);
  return parsed.success
    ? { keyed: false, message: parsed.output }
    : { fault: faultOf(parsed.issues[0]) };
}

function faultOf(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? 'message'}: ${issue.message}`.slice(0, 200);
}
