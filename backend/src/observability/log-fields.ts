/**
 * Makes values safe to log, because anyone may have chosen them: cut to a length, without control
 * characters and without secrets. JSON already keeps a record on one line, but a terminal interprets
 * the control characters that it prints.
 */
import { IncomingMessage, ServerResponse } from 'node:http';

const TEXT_MAX = 256;
const DEPTH_MAX = 4;
const ITEMS_MAX = 32;
const FRAMES_MAX = 12;
const CAUSES_MAX = 3;
const SECRETS = /^(?:.*secret|.*token|authorization|cookie|set-cookie)$/i;
const HIDDEN = '[hidden]';
/** C0, DEL and C1, the two line separators, and the marks that change the writing direction. */
// oxlint-disable-next-line no-control-regex -- the pattern must match control characters
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

export function sanitiseText(text: string): string {
  const short = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
  return short.replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A copy of the value that is safe to log. Never throws, even for cycles and throwing getters. */
export function sanitise(value: unknown, depth = 0): unknown {
  try {
    return sanitiseUnguarded(value, depth);
  } catch {
    return '[unreadable]';
  }
}

export function sanitiseFields(fields: object): Record<string, unknown> {
  return sanitiseEntries(fields, 1);
}

function sanitiseEntries(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .slice(0, ITEMS_MAX)
      .map(([key, value]) => [
        sanitiseText(key),
        SECRETS.test(key) && value !== undefined ? HIDDEN : sanitise(value, depth),
      ]),
  );
}

function sanitiseUnguarded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return sanitiseText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return sanitiseError(value);
  // These two have pino serializers, which select a few fields.
  if (value instanceof IncomingMessage || value instanceof ServerResponse) return value;
  if (depth >= DEPTH_MAX) return '[…]';
  if (Array.isArray(value))
    return value.slice(0, ITEMS_MAX).map((item) => sanitise(item, depth + 1));
  return sanitiseEntries(value, depth + 1);
}

/** The message may quote what a client sent, and the stack repeats the message. */
function sanitiseError(error: Error, causes = 0): object {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: sanitiseText(error.name),
    message: sanitiseText(error.message),
    ...('code' in error && { code: sanitise(error.code, DEPTH_MAX) }),
    stack: frames.slice(0, FRAMES_MAX).map((frame) => sanitiseText(frame.trim())),
    ...(error.cause instanceof Error &&
      causes < CAUSES_MAX && { cause: sanitiseError(error.cause, causes + 1) }),
  };
}
