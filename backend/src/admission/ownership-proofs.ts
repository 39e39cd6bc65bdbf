import { createHmac, timingSafeEqual } from 'node:crypto';
import type { OwnershipProof, RoomId } from '#protocol/ids.ts';
import { OwnershipProofSchema } from '#protocol/ids.ts';
import * as v from 'valibot';
import { BoundedMap } from '#protocol/bounded-map.ts';
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
  /** Somebody has been live in the room. */
  readonly live: boolean;
}

/** What a valid proof shows. */
export type Proven = Pick<Ownership, 'since' | 'live'>;

/** Rooms whose earlier proofs are void. One takes about 100 bytes; the oldest is forgotten first. */
const REVOKED_MAX = 16_384;

/**
 * Issues and verifies proofs of ownership. A proof contains neither the secret nor its hash, so it is
 * worth nothing without the secret.
 */
export class OwnershipProofs {
  readonly #store: Pick<OwnershipStore, 'key' | 'now'>;
  readonly #revokedAt = new BoundedMap<RoomId, number>(REVOKED_MAX);

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

  /** The room's name is free before its proofs expire: those of owners up to now are void. */
  revoke(room: RoomId): void {
    this.#revokedAt.set(room, this.now());
  }

  /**
   * Since when the holder of this secret has owned the room; undefined if the proof has expired or is
   * void, or is for another room or secret, or was made with another key.
   */
  verify(
    room: RoomId,
    secretHash: SecretHash,
    proof: OwnershipProof | undefined,
  ): Proven | undefined {
    if (proof === undefined) return undefined;
    const [from = '', to = '', mac = ''] = proof.split('.');
    const [since, until] = [Number(from), Number(to)];
    if (this.now() >= until || since < (this.#revokedAt.get(room) ?? 0)) return undefined;
    // The schema has checked the length: 43 characters are 32 bytes.
    const given = Buffer.from(mac, 'base64url');
    const live = [true, false].find((value) =>
      timingSafeEqual(given, this.#mac({ room, secretHash, since, until, live: value })),
    );
    return live === undefined ? undefined : { since, live };
  }

  #mac({ room, secretHash, since, until, live }: Ownership): Buffer {
    const kind = live ? 'onecast ownership of a live room 1' : 'onecast room ownership 1';
    const text = `${kind}\n${room}\n${secretHash.toString('hex')}\n${since}\n${until}`;
    return createHmac('sha256', this.#store.key).update(text).digest();
  }
}
