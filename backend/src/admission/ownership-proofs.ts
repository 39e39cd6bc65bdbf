import { createHmac, timingSafeEqual } from 'node:crypto';
import type { OwnershipProof, RoomId } from '#protocol/ids.ts';
import { OwnershipProofSchema } from '#protocol/ids.ts';
import * as v from 'valibot';
import type { OwnershipStore } from './ownership-store.ts';
import type { SecretHash } from './secrets.ts';

/** What a proof states: who has the secret with this hash owns the room. Times as `OwnershipStore.now`. */
interface Ownership {
  readonly room: RoomId;
  readonly secretHash: SecretHash;
  /** When the room was claimed. */
  readonly since: number;
  /** When the server may give the room's name to another owner. */
  readonly until: number;
}

/**
 * Issues and verifies proofs of ownership. A proof contains neither the secret nor its hash, so it is
 * worth nothing without the secret.
 */
export class OwnershipProofs {
  readonly #store: Pick<OwnershipStore, 'key' | 'now'>;

  constructor(store: Pick<OwnershipStore, 'key' | 'now'>) {
    this.#store = store;
  }

  now(): number {
    return this.#store.now();
  }

  issue(ownership: Ownership): OwnershipProof {
    const { since, until } = ownership;
    const mac = this.#mac(ownership).toString('base64url');
    return v.parse(OwnershipProofSchema, `${since}.${until}.${mac}`);
  }

  /**
   * Since when the holder of this secret has owned the room; undefined if the proof has expired, or is
   * for another room or secret, or was made with another key.
   */
  verify(
    room: RoomId,
    secretHash: SecretHash,
    proof: OwnershipProof | undefined,
  ): number | undefined {
    if (proof === undefined) return undefined;
    const [since = '', until = '', mac = ''] = proof.split('.');
    const ownership = { room, secretHash, since: Number(since), until: Number(until) };
    // The schema has checked the length: 43 characters are 32 bytes.
    const matches = timingSafeEqual(Buffer.from(mac, 'base64url'), this.#mac(ownership));
    return matches && this.now() < ownership.until ? ownership.since : undefined;
  }

  #mac({ room, secretHash, since, until }: Ownership): Buffer {
    const text = `onecast room ownership 1\n${room}\n${secretHash.toString('hex')}\n${since}\n${until}`;
    return createHmac('sha256', this.#store.key).update(text).digest();
  }
}
