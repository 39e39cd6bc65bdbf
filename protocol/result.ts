import * as v from 'valibot';
import { type ErrorCode, isErrorCode } from './errors.ts';

/** The ack of every request: a value, or a refusal with its stable code. Sent by the server. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** Parses an ack except for its value, which the page then parses with the schema of the request. */
export const ResultSchema = v.variant('ok', [
  v.object({ ok: v.literal(true), value: v.unknown() }),
  v.object({
    ok: v.literal(false),
    code: v.custom<ErrorCode>(isErrorCode),
    message: v.string(),
  }),
]);
