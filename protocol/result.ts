import * as v from 'valibot';
import { type ErrorCode, isErrorCode } from './errors.ts';

/** Every ack: a value, or a refusal with its stable code. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** Parses an ack whose value still has to be parsed by its own schema. */
export const ResultSchema = v.variant('ok', [
  v.object({ ok: v.literal(true), value: v.unknown() }),
  v.object({
    ok: v.literal(false),
    code: v.custom<ErrorCode>(isErrorCode),
    message: v.string(),
  }),
]);
