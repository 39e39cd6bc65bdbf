import * as v from 'valibot';

/**
 * A room's name, as in the link. Capitals are accepted and become small letters here, at the edge, so
 * that names compare without case everywhere.
 */
export const RoomIdSchema = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_-]{3,64}$/),
  v.toLowerCase(),
  v.brand('RoomId'),
);
export type RoomId = v.InferOutput<typeof RoomIdSchema>;

/** Public name of a session, made by the server. Not a secret. */
export const SessionIdSchema = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_-]{16}$/),
  v.brand('SessionId'),
);
export type SessionId = v.InferOutput<typeof SessionIdSchema>;

/** 256 random bits in base64url, made by the server: a publisherSecret or a resumeSecret. */
export const SecretSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/), v.brand('Secret'));
export type Secret = v.InferOutput<typeof SecretSchema>;

/**
 * The server's own proof that the holder of a publisherSecret owned a room. Pages only store it:
 * `<claimed at>.<valid until>.<HMAC>`, times in ms of the server's running time.
 */
export const OwnershipProofSchema = v.pipe(
  v.string(),
  v.regex(/^\d{1,15}\.\d{1,15}\.[A-Za-z0-9_-]{43}$/),
  v.brand('OwnershipProof'),
);
export type OwnershipProof = v.InferOutput<typeof OwnershipProofSchema>;

/**
 * A signed token, as in a link's fragment. This schema checks only the size, so that an invalid
 * token reaches the code that verifies tokens, and the person reads what is wrong with it.
 */
export const TOKEN_MAX_CHARS = 2_048;
export const TokenSchema = v.pipe(v.string(), v.maxLength(TOKEN_MAX_CHARS));

/**
 * Chosen by the page. A page repeats a request with the same id when its ack was lost; the server
 * then returns the answer of the first.
 */
export const RequestIdSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,36}$/));

/** mediasoup's id of a transport, producer or consumer: a UUID. */
export const MediaIdSchema = v.pipe(v.string(), v.regex(/^[0-9a-f-]{36}$/));

/** The room behind the addresses /publish and /join, which name no room. */
export const MAIN_ROOM = v.parse(RoomIdSchema, 'main');

/** Whether this is a room's name in the form in which names are compared. */
export function isRoomId(value: unknown): value is RoomId {
  const parsed = v.safeParse(RoomIdSchema, value);
  return parsed.success && parsed.output === value;
}
