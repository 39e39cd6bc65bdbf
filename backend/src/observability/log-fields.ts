/**
 * What a line of the log may hold of values that may be anybody's: cut, without control characters,
 * and without secrets. JSON keeps a record on one line by itself, but a terminal obeys what it reads.
 */
import { IncomingMessage, ServerResponse } from 'node:http';

const TEXT_MAX = 256;
const DEPTH_MAX = 4;
const ITEMS_MAX = 32;
const FRAMES_MAX = 12;
const CAUSES_MAX = 3;
const SECRETS = /^(?:.*secret|.*token|authorization|cookie|set-cookie)$/i;
const HIDDEN = '[hidden]';
/** C0, DEL and C1, the two line separators, and the marks that turn the direction of writing. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

export function tidyText(text: string): string {
  const short = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
  return short.replace(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same value, fit for a log. Never throws, not on cycles or getters either. */
export function tidy(value: unknown, depth = 0): unknown {
  try {
    return tidied(value, depth);
  } catch {
    return '[unreadable]';
  }
}

export function tidyFields(fields: object): Record<string, unknown> {
  return tidyEntries(fields, 1);
}

function tidyEntries(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .slice(0, ITEMS_MAX)
      .map(([key, value]) => [
        tidyText(key),
        SECRETS.test(key) && value !== undefined ? HIDDEN : tidy(value, depth),
      ]),
  );
}

function tidied(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return tidyText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return tidyError(value);
  // These have serializers, which pick a few fields.
  if (value instanceof IncomingMessage || value instanceof ServerResponse) return value;
  if (depth >= DEPTH_MAX) return '[…]';
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => tidy(item, depth + 1));
  return tidyEntries(value, depth + 1);
}

/** Its message may quote what a client sent, and its stack begins with its message. */
function tidyError(error: Error, causes = 0): object {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: tidyText(error.name),
    message: tidyText(error.message),
    ...('code' in error && { code: tidy(error.code, DEPTH_MAX) }),
    stack: frames.slice(0, FRAMES_MAX).map((frame) => tidyText(frame.trim())),
    ...(error.cause instanceof Error &&
      causes < CAUSES_MAX && { cause: tidyError(error.cause, causes + 1) }),
  };
}
