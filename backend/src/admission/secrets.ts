/** The secrets that pages hold, and what the server keeps of them: hashes only. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { type Secret, SecretSchema, type SessionId, SessionIdSchema } from '#protocol/ids.ts';

export type SecretHash = Buffer & { readonly __secretHash: true };

export function newSecret(): Secret {
  return v.parse(SecretSchema, randomBytes(32).toString('base64url'));
}

export function newSessionId(): SessionId {
  return v.parse(SessionIdSchema, randomBytes(12).toString('base64url'));
}

/** Identifies one keyed state, whose changes are numbered from 1. Not a secret. */
export function newStateId(): string {
  return randomBytes(12).toString('base64url');
}

/** A plain SHA-256 is enough: a secret is 256 random bits, so it can't be guessed. */
export function hashSecret(secret: Secret): SecretHash {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the only place that creates this brand
  return createHash('sha256').update(secret).digest() as SecretHash;
}

/** Takes the same time wherever the two differ. */
export function secretMatches(secret: Secret, hash: SecretHash): boolean {
  return timingSafeEqual(hashSecret(secret), hash);
}

/** The secret with which a page resumes one session. It changes with each use. */
export class ResumeSecret {
  readonly #spentMax: number;
  #current: SecretHash | undefined;
  #previous: SecretHash | undefined;
  /** Secrets that were valid once, the newest last. */
  readonly #spent: SecretHash[] = [];

  constructor(spentMax: number) {
    this.#spentMax = spentMax;
  }

  /** The first secret. None is valid before this call. */
  issue(): Secret {
    const secret = newSecret();
    this.#current = hashSecret(secret);
    this.#previous = undefined;
    return secret;
  }

  /**
   * Returns the next secret if `shown` is valid. `shown` stays valid until the next one has been
   * used, because the answer that carries the next one may be lost. `spent` means that `shown` is
   * older than that, so somebody has a copy. `unknown` means that it never was valid.
   */
  rotate(shown: Secret): { readonly next: Secret } | 'spent' | 'unknown' {
    const matches = (hash: SecretHash | undefined) =>
      hash !== undefined && secretMatches(shown, hash);
    const isCurrent = matches(this.#current);
    if (!isCurrent && !matches(this.#previous)) {
      return this.#spent.some(matches) ? 'spent' : 'unknown';
    }
    const next = newSecret();
    const outlived = isCurrent ? this.#previous : this.#current;
    if (outlived) this.#spent.push(outlived);
    if (this.#spent.length > this.#spentMax) this.#spent.shift();
    if (isCurrent) this.#previous = this.#current;
    this.#current = hashSecret(next);
    return { next };
  }
}
