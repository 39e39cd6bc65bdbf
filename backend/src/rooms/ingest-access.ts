import * as v from 'valibot';
import type { Authority } from '../admission/authority.ts';
import { OnecastError } from '#protocol/errors.ts';
import { type RoomId, SecretSchema } from '#protocol/ids.ts';
import type { Room } from './room.ts';
import type { RoomRegistry } from './registry.ts';

/**
 * The room that a program may send to: with the publisher's own authority, which is the room's
 * publisherSecret, or a publisher's token where the server asks for tokens. Makes no room.
 * @throws OnecastError `authority-missing`, `room-unknown`, `room-taken`, those of Authority
 */
export async function roomForIngest(
  registry: RoomRegistry,
  authority: Authority,
  id: RoomId,
  bearer: string | undefined,
): Promise<Room> {
  if (bearer === undefined) throw new OnecastError('authority-missing');
  if (authority.byToken) {
    await authority.authorise({ room: id, role: 'publisher', token: bearer });
    return registry.known(id);
  }
  const room = registry.known(id);
  const secret = v.safeParse(SecretSchema, bearer);
  // What has not the form of a secret is nobody's.
  if (!secret.success) throw new OnecastError('room-taken');
  room.assertOwner(secret.output);
  return room;
}
