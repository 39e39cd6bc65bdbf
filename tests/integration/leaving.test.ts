import { expect, it } from 'vitest';
import { broadcast, connectTransport, join } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const CYCLES = 1_000;
const AT_A_TIME = 20;

it(`SRV-7 ROOM-7 the server holds nothing after ${CYCLES} viewers have joined and left`, async () => {
  await using server = await InProcessServer.start({
    workers: 2,
    limits: { sessionGraceMs: 200, idleRoomMs: 100 },
  });
  const owners = await Promise.all(
    ['one', 'two'].map(async (room) => {
      const client = await server.connect();
      return { client, room, claimed: await broadcast(client, room) };
    }),
  );
  let cycles = 0;
  /** One viewer after another joins and leaves, in each of the possible ways. */
  const joinAndLeave = async () => {
    while (cycles < CYCLES) {
      const way = (cycles += 1) % 4;
      const viewer = await server.connect();
      const { transport, media } = await join(viewer, cycles % 2 ? 'one' : 'two');
      if (way === 1) await connectTransport(viewer, transport.id);
      if (way === 2) {
        const consumerIds = media.consumers.map(({ id }) => id);
        await viewer.request('resumeConsumers', { consumerIds });
      }
      if (way === 3) viewer.cut();
      else await viewer.request('leave');
      viewer.close();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, joinAndLeave));
  await waitUntil('only the publishers are left', () => server.app.registry.sessionCount === 2);
  expect((await server.mediaInUse()).transports).toBe(2);
  for (const { client, claimed } of owners) {
    await client.request('endBroadcast', { epoch: claimed.epoch });
  }
  expect(server.app.registry.sessionCount).toBe(0);
  await waitUntil('the rooms are forgotten', () => server.app.registry.roomCount === 0);
  await waitUntil('the workers hold nothing', async () => {
    const left = await server.mediaInUse();
    return left.routers + left.transports + left.iceUsers === 0;
  });
});

it('SRV-7 a page that disappears while it joins leaves nothing behind', async () => {
  await using server = await InProcessServer.start({
    limits: { sessionGraceMs: 100, idleRoomMs: 100 },
  });
  for (let i = 0; i < 30; i += 1) {
    const [viewer, owner] = await server.connectMany(2);
    const entered = Promise.allSettled([join(viewer, 'main'), broadcast(owner, 'main')]);
    // Each time the sockets close at a later moment.
    for (let turn = 0; turn < i; turn += 1) await new Promise(setImmediate);
    viewer.cut();
    owner.cut();
    await entered;
    viewer.close();
    owner.close();
  }
  await waitUntil('no session is left', () => server.app.registry.sessionCount === 0);
  expect((await server.mediaInUse()).transports).toBe(0);
});
