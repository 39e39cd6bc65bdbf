/** The secret that makes a page the publisher of its room, stored in the browser (localStorage). */
import * as v from 'valibot';
import { type RoomId, type Secret, SecretSchema } from '#protocol/ids.ts';

const key = (room: RoomId) => `onecast.publisher.${room}`;

/** From the publishing link's fragment (`#publisher=…`, which no server log sees), else as stored. */
export function readPublisherSecret(room: RoomId): Secret | undefined {
  const inAddress = new URLSearchParams(location.hash.slice(1)).get('publisher');
  const parsed = v.safeParse(SecretSchema, inAddress ?? stored(room));
  return parsed.success ? parsed.output : undefined;
}

/** Stores the secret for later visits of this browser. */
export function storePublisherSecret(room: RoomId, secret: Secret): void {
  try {
    localStorage.setItem(key(room), secret);
  } catch {
    // Storage is blocked: the page stays the publisher until it is reloaded.
  }
}

function stored(room: RoomId): string | null {
  try {
    return localStorage.getItem(key(room));
  } catch {
    return null;
  }
}
