import { createHash } from 'node:crypto';
import { OnecastError } from '#protocol/errors.ts';
import type { OwnershipProof, RoomId, Secret } from '#protocol/ids.ts';
import { isOwnedName, ownedName, ownedNameText } from '#protocol/owned-name.ts';
import type { OwnershipProofs } from './ownership-proofs.ts';
import { hashSecret, newSecret, type SecretHash, secretMatches } from './secrets.ts';

export interface Claimed {
  readonly secret: Secret;
  /** The page has shown a valid proof, so the room was its own before this server started. */
  readonly proven: boolean;
  /** And it has been live there. */
  readonly wasLive: boolean;
  /** Another owner, who had claimed the room first after the start, has lost it. */
  readonly tookOver: boolean;
}

/**
 * The owner of one room: the holder of its publisherSecret. In one run of the server the first claim
 * decides. After a restart the server knows no owners, so an ownership proof that is older than the
 * claim of the present owner takes the room back. Proofs expire when the room's name may become free
 * (idleRoomMs), so of two valid proofs the older one is from the owner that was never gone.
 */
export class RoomOwner {
  readonly #room: RoomId;
  readonly #proofs: OwnershipProofs;
  #owner: { readonly hash: SecretHash; readonly since: number } | undefined;

  constructor(room: RoomId, proofs: OwnershipProofs) {
    this.#room = room;
    this.#proofs = proofs;
  }

  /** @param shown undefined: the page has no secret for this room yet @throws OnecastError `room-taken` */
  claim(shown: Secret | undefined, proof: OwnershipProof | undefined): Claimed {
    assertNameAllows(this.#room, shown);
    const secret = shown ?? newSecret();
    const hash = hashSecret(secret);
    const proven = this.#proofs.verify(this.#room, hash, proof);
    const owner = this.#owner;
    const isOwner = owner !== undefined && secretMatches(secret, owner.hash);
    const isOlder = proven !== undefined && proven.since < (owner?.since ?? Infinity);
    if (owner && !isOwner && !isOlder) throw new OnecastError('room-taken');
    if (!owner || isOlder) this.#owner = { hash, since: proven?.since ?? this.#proofs.now() };
    return {
      secret,
      proven: proven !== undefined,
      wasLive: proven?.live === true,
      tookOver: owner !== undefined && !isOwner,
    };
  }

  /** @throws OnecastError `room-unknown` if nobody has claimed the room yet, `room-taken` */
  assert(shown: Secret): void {
    if (!this.#owner) throw new OnecastError('room-unknown');
    if (!secretMatches(shown, this.#owner.hash)) throw new OnecastError('room-taken');
  }

  /**
   * A proof for the present owner; undefined if there is none, or the room's name is proof enough.
   * @param live whether somebody has been live in the room
   */
  proof(validMs: number, live: boolean): OwnershipProof | undefined {
    if (!this.#owner || isOwnedName(this.#room)) return undefined;
    const { hash: secretHash, since } = this.#owner;
    const until = this.#proofs.now() + validMs;
    return this.#proofs.issue({ room: this.#room, secretHash, since, until, live });
  }
}

/** Whether a page proves that it owned the room and was live there, before this server started. */
export function provesLive(
  proofs: OwnershipProofs,
  room: RoomId,
  {
    secret,
    proof,
  }: { readonly secret: Secret | undefined; readonly proof: OwnershipProof | undefined },
): boolean {
  if (secret === undefined || proof === undefined) return false;
  return proofs.verify(room, hashSecret(secret), proof)?.live === true;
}

/** @throws OnecastError `room-taken` if the room's name belongs to another secret */
export function assertNameAllows(room: RoomId, shown: Secret | undefined): void {
  if (isOwnedName(room) && (shown === undefined || ownedNameOf(shown) !== room)) {
    throw new OnecastError('room-taken');
  }
}

/** The room that belongs to `secret` by its name. */
export function ownedNameOf(secret: Secret): RoomId {
  return ownedName(createHash('sha256').update(ownedNameText(secret)).digest());
}
