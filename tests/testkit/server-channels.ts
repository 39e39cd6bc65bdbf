import { isRoomId } from '#protocol/ids.ts';
import type { DataChannelName } from '#protocol/signalling.ts';
import type { InProcessServer } from './in-process-server.ts';
import { until } from './until.ts';

/**
 * What goes over one of the server's own channels of a room, heard through the real worker: on the
 * room's home, or on the `at`th of its further workers, where viewers take it already.
 */
export async function hearServerChannel(
  server: InProcessServer,
  name: string,
  channel: DataChannelName,
  at = 0,
): Promise<unknown[]> {
  if (!isRoomId(name)) throw new Error('no room');
  const room = server.app.registry.known(name);
  const open = () => room.serverChannels.find((relay) => relay.channel === channel);
  await until(`channel ${channel} is open`, () => open() !== undefined);
  const heard: unknown[] = [];
  const relay = open();
  if (!relay) throw new Error(`channel ${channel} is gone`);
  const further = room.fanOut.routers.filter((router) => router !== relay.router);
  await (further[at - 1] ?? relay.router).tap(relay.producer, (message) =>
    heard.push(JSON.parse(message.toString('utf8')) as unknown),
  );
  return heard;
}
