import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { LIMITS } from '#config/limits.ts';
import { RoomIdSchema } from '#protocol/ids.ts';
import type { Claims } from './tokens.ts';

const EXAMPLE = 'npm run token -- --room demo --role publisher --expires 2h';
const SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
]);

const OptionsSchema = v.object({
  room: v.pipe(
    v.string(),
    v.check(
      (name) => v.is(RoomIdSchema, name),
      '--room must be the name of a room: 3 to 64 letters, digits, - or _',
    ),
    v.transform((name) => v.parse(RoomIdSchema, name)),
  ),
  role: v.picklist(['publisher', 'viewer'], '--role must be publisher or viewer'),
  expires: v.pipe(
    v.string(),
    v.regex(/^[1-9]\d{0,6}[smhd]$/, '--expires must be a time such as 90s, 30m, 2h or 7d'),
    v.transform((text) => Number(text.slice(0, -1)) * (SECONDS.get(text.slice(-1)) ?? 0)),
    // The server's maximum, less an hour: a token may be used some time after it was made.
    v.maxValue(LIMITS.tokenMaxAheadS - 3_600, '--expires must be less than 366 days'),
  ),
});

/** The options are not valid. The message has a line for each fault, and an example. */
export class TokenOptionsError extends Error {
  constructor(faults: readonly string[]) {
    super(`${faults.join('\n')}\nFor example: ${EXAMPLE}`);
    this.name = 'TokenOptionsError';
  }
}

/**
 * Reads a token's claims from the command's arguments.
 * @throws TokenOptionsError
 */
export function readClaims(args: readonly string[], nowMs: number): Claims {
  const parsed = v.safeParse(OptionsSchema, optionsOf(args));
  if (!parsed.success) throw new TokenOptionsError(parsed.issues.map(({ message }) => message));
  const { room, role, expires } = parsed.output;
  return { room, role, exp: Math.floor(nowMs / 1_000) + expires };
}

function optionsOf(args: readonly string[]): unknown {
  try {
    const text = (standard: string) => ({ type: 'string', default: standard }) as const;
    return parseArgs({
      args: [...args],
      options: { room: text(''), role: text(''), expires: text('2h') },
    }).values;
  } catch (error) {
    throw new TokenOptionsError([error instanceof Error ? error.message : String(error)]);
  }
}
