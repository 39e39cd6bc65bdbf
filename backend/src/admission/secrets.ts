import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { type Secret, SecretSchema, type SessionId, SessionIdSchema } from '#protocol/ids.ts';

/** What the server keeps of a secret. */
export type SecretHash = Buffer & { readonly __secretHash: true };

export function newSecret(): Secret {
  return v.parse(SecretSchema, randomBytes(32).toString('base64url'));
}

export function newSessionId(): SessionId {
  return v.parse(SessionIdSchema, randomBytes(12).toString('base64url'));
}

/** Tells one count of changes from another; no secret. */
export function newStateId(): string {
  return randomBytes(12).toString('base64url');
}

/** A plain SHA-256 is enough: the secrets are 256 random bits, there is nothing to guess. */
export function hashSecret(secret: Secret): SecretHash {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the brand is given here only
  return createHash('sha256').update(secret).digest() as SecretHash;
}

/** Takes the same time wherever the two differ. */
export function secretMatches(secret: Secret, hash: SecretHash): boolean {
  return timingSafeEqual(hashSecret(secret), hash);
}
