/**
 * Names that "New broadcast" makes: each contains a hash of one publisherSecret. Only a page with that
 * secret can claim such a room, on any server and at any time, so the server needs to remember nothing.
 */
import * as v from 'valibot';
import { type RoomId, RoomIdSchema, type Secret } from './ids.ts';

const PREFIX = 'own-';
/**
 * 132 bits of the hash. In small letters, as all names are, a letter keeps 5 of its 6 bits, so at least
 * 110 are left: nobody finds another secret for the same name.
 */
const HASH_CHARS = 22;
const OWNED_NAME = new RegExp(`^${PREFIX}[a-z0-9_-]{${HASH_CHARS}}$`);

/** Whether only the holder of one secret can claim a room of this name. */
export function isOwnedName(room: RoomId): boolean {
  return OWNED_NAME.test(room);
}

/** The text whose SHA-256 the name contains. It differs from what the server hashes to store a secret. */
export function ownedNameText(secret: Secret): string {
  return `onecast room name ${secret}`;
}

/** @param sha256 of `ownedNameText` */
export function ownedName(sha256: Uint8Array): RoomId {
  return v.parse(RoomIdSchema, `${PREFIX}${base64url(sha256).slice(0, HASH_CHARS)}`);
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
