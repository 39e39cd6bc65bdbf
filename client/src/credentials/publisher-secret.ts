/** The secret that makes a page the publisher of its room, kept by the browser. */
import * as v from 'valibot';
import { type RoomId, type Secret, SecretSchema } from '#protocol/ids.ts';

const key = (room: RoomId) => `onecast.publisher.${room}`;

/** From the publishing link's fragment (`#publisher=…`, which no server log sees), else as kept. */
export function readPublisherSecret(room: RoomId): Secret | undefined {
  const shown = new URLSearchParams(location.hash.slice(1)).get('publisher');
  const parsed = v.safeParse(SecretSchema, shown ?? stored(room));
  return parsed.success ? parsed.output : undefined;
}

export function storePublisherSecret(room: RoomId, secret: Secret): void {
  try {
    localStorage.setItem(key(room), secret);
  } catch {
    // Storage is off: the room is this page's until it is reloaded.
  }
}

function stored(room: RoomId): string | null {
  try {
    return localStorage.getItem(key(room));
  } catch {
    return null;
  }
}
