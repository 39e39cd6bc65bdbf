import { isRoomId } from '#protocol/ids.ts';
import type { DataChannelName } from '#protocol/signalling.ts';
import type { InProcessServer } from './in-process-server.ts';
import { waitUntil } from '../wait-until.ts';

/**
 * Collects every message of one of the server's own data channels of a room, received through the
 * real media worker: on the room's home router, or on the `at`th of its other routers, where viewers
 * must consume the channel already.
 */
export async function tapServerChannel(
  server: InProcessServer,
  roomId: string,
  channel: DataChannelName,
  at = 0,
): Promise<unknown[]> {
  if (!isRoomId(roomId)) throw new Error(`not a room id: ${roomId}`);
  const room = server.app.registry.existingRoom(roomId);
  const find = () => room.overlay.serverChannels.find((open) => open.channel === channel);
  await waitUntil(`channel ${channel} is open`, () => find() !== undefined);
  const open = find();
  if (!open) throw new Error(`channel ${channel} is gone`);
  const messages: unknown[] = [];
  const others = room.fanOut.routers.filter((router) => router !== open.router);
  await (others[at - 1] ?? open.router).tap(open.producer, (message) =>
    messages.push(JSON.parse(message.toString('utf8')) as unknown),
  );
  return messages;
}
