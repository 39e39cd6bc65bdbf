import * as v from 'valibot';

/** A room's name as it stands in the link. */
export const RoomIdSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{3,64}$/), v.brand('RoomId'));
export type RoomId = v.InferOutput<typeof RoomIdSchema>;

/** Public name of a session; no secret. */
export const SessionIdSchema = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_-]{16}$/),
  v.brand('SessionId'),
);
export type SessionId = v.InferOutput<typeof SessionIdSchema>;

/** 256 bit, base64url. Used for publisherSecret and resumeSecret. */
export const SecretSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/), v.brand('Secret'));
export type Secret = v.InferOutput<typeof SecretSchema>;

/**
 * A signed token as it stands in a link's fragment. Only its size is checked here: what is wrong
 * with one is for the authority to say, in words for a person.
 */
export const TOKEN_MAX_CHARS = 2_048;
export const TokenSchema = v.pipe(v.string(), v.maxLength(TOKEN_MAX_CHARS));

/** Chosen by the page; a repeated one gets the answer of the first. */
export const RequestIdSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,36}$/));

/** mediasoup's ids are UUIDs. */
export const MediaIdSchema = v.pipe(v.string(), v.regex(/^[0-9a-f-]{36}$/));

/** The room that /publish and /join stand for. */
export const MAIN_ROOM = v.parse(RoomIdSchema, 'main');

export function isRoomId(value: unknown): value is RoomId {
  return v.is(RoomIdSchema, value);
}
