import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { MediaWorker } from '#backend/media/workers/pool.ts';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { LIMITS } from '#config/limits.ts';
import { broadcast, join, PROTOCOL, produceVideo } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

/** Two rooms, each with a publisher and a viewer, each on a worker of its own. */
async function twoRooms(server: InProcessServer) {
  const rooms = [];
  for (const room of ['room-a', 'room-b']) {
    const [owner, viewer] = await Promise.all([server.connect(), server.connect()]);
    const claimed = await broadcast(owner, room);
    const joined = await join(viewer, room);
    rooms.push({ room, owner, viewer, claimed, joined });
  }
  const [a, b] = rooms;
  if (!a || !b) throw new Error('two rooms were made');
  const worker = workerOf(server, a.joined.transport.iceCandidates[0]?.port);
  expect(workerOf(server, b.joined.transport.iceCandidates[0]?.port)).not.toBe(worker);
  return { a, b, worker };
}

function workerOf(server: InProcessServer, port: number | undefined): MediaWorker {
  const found = server.app.pool.workers.find(({ index }) => server.mediaPort + index === port);
  if (!found) throw new Error(`no worker on port ${port}`);
  return found;
}

/** `harm` was done to the worker of room-a: everybody there is back, nobody in room-b notices. */
async function expectRecovery(
  server: InProcessServer,
  harm: (worker: MediaWorker) => Promise<void> | void,
): Promise<void> {
  const { a, b, worker } = await twoRooms(server);
  const { pid } = worker.worker;
  await harm(worker);
  await waitUntil('the worker is replaced', () =>
    server.app.pool.workers.some((now) => now.index === worker.index && now.worker.pid !== pid),
  );
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(await a.owner.waitForPush('transportGone')).toEqual({
    transportId: a.claimed.transport.id,
  });
  expect(await a.viewer.waitForPush('transportGone')).toEqual({
    transportId: a.joined.transport.id,
  });
  const { interruption } = await a.viewer.waitForPush(
    'roomChanged',
    (room) => room.interruption?.reason === 'worker-lost',
  );
  expect(interruption?.remainingMs).toBeGreaterThan(0);

  // As the pages do: the same session, a new transport, on the ports there are.
  const renewed = await a.owner.request('renewTransport');
  await produceVideo(a.owner, renewed.transport.id);
  const viewed = await a.viewer.request('renewTransport');
  for (const { transport } of [renewed, viewed]) {
    expect(transport.iceCandidates.map(({ port }) => port - server.mediaPort)).toContainEqual(
      expect.toSatisfy((index: number) => index >= 0 && index < 2),
    );
  }
  expect(viewed.room).toMatchObject({ status: 'live', epoch: a.claimed.epoch });
  expect(viewed.media?.consumers).toHaveLength(1);

  expect(b.owner.pushes('transportGone')).toEqual([]);
  expect(b.viewer.pushes('transportGone')).toEqual([]);
  expect(b.viewer.pushes('broadcastChanged')).toEqual([]);
  expect(await b.viewer.errorCode('requestKeyFrame')).toBeUndefined();
  const again = await b.viewer.request('renewConsumers');
  expect(again.consumers[0]?.producerId).toBe(b.joined.media.consumers[0]?.producerId);
}

describe('a worker', () => {
  it('SRV-5 that dies is replaced on the same ports', async () => {
    await using server = await InProcessServer.start({ workers: 2 });
    await expectRecovery(server, ({ worker }) => {
      process.kill(worker.pid, 'SIGKILL');
    });
    expect(server.app.pool.ready).toBe(true);
  });

  it('SRV-6 that hangs is noticed, killed and replaced', async () => {
    await using server = await InProcessServer.start({ workers: 2 });
    await expectRecovery(server, ({ worker }) => {
      process.kill(worker.pid, 'SIGSTOP');
    });
    expect(server.app.pool.ready).toBe(true);
  });

  it('SRV-6 whose channel is poisoned is replaced', async () => {
    await using server = await InProcessServer.start({
      workers: 2,
      limits: { watchdogIntervalMs: LIMITS.watchdogDeadlineMs + 100 },
    });
    await expectRecovery(server, async ({ worker }) => {
      // Straight into mediasoup: no page can send it, its schema stops it (SEC-1).
      const router = await worker.createRouter({
        mediaCodecs: [{ kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 }],
      });
      const transport = await router.createDirectTransport();
      const maxBitrate: unknown = 1.5;
      await expect(
        transport.produce({
          kind: 'video',
          rtpParameters: {
            codecs: [{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000 }],
            encodings: [{ ssrc: 1, maxBitrate: maxBitrate as number }],
          },
        }),
      ).rejects.toThrow(/./);
      await expect(worker.getResourceUsage()).rejects.toThrow('must not be nested');
    });
  });

  it('SRV-5 the only one: who comes meanwhile is told to try later, and the room is not lost', async () => {
    await using server = await InProcessServer.start();
    const owner = await server.connect();
    const claimed = await broadcast(owner, 'main');
    const [seat] = server.app.pool.workers;
    if (!seat) throw new Error('there is a worker');
    const died = once(seat.worker, 'died');
    process.kill(seat.worker.pid, 'SIGKILL');
    await died;
    const early = await (await server.connect()).errorCode('join', {
      ...PROTOCOL,
      room: 'main',
      rtpCapabilities: chromium.rtpCapabilities,
    });
    expect([undefined, 'media-unavailable']).toContain(early);
    await waitUntil('the worker is replaced', () => server.app.pool.ready);
    const { transport } = await owner.request('renewTransport');
    await produceVideo(owner, transport.id);
    expect((await join(await server.connect(), 'main')).room).toMatchObject({
      status: 'live',
      epoch: claimed.epoch,
    });
  });
});
