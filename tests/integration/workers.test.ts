import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { MediaWorker } from '#backend/media/workers/pool.ts';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { LIMITS } from '#config/limits.ts';
import { broadcast, join, PROTOCOL, produceVideo } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';

/** Two rooms on two workers, each with a publisher and a viewer. */
async function twoRooms(server: InProcessServer) {
  const rooms = [];
  for (const room of ['room-a', 'room-b']) {
    const [owner, viewer] = await server.connectMany(2);
    const claimed = await broadcast(owner, room);
    const joined = await join(viewer, room);
    rooms.push({ room, owner, viewer, claimed, joined });
  }
  const [a, b] = rooms;
  if (!a || !b) throw new Error('two rooms were made');
  const worker = server.workerOfPort(a.joined.transport.iceCandidates[0]?.port);
  expect(server.workerOfPort(b.joined.transport.iceCandidates[0]?.port)).not.toBe(worker);
  return { a, b, worker };
}

/** Harms the worker of room-a; expects that room-a recovers and that room-b notices nothing. */
async function expectRecovery(
  server: InProcessServer,
  harm: (worker: MediaWorker) => Promise<void> | void,
): Promise<void> {
  const { a, b, worker } = await twoRooms(server);
  const { pid } = worker.worker;
  await harm(worker);
  await server.workerReplaced(pid);
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

  // Pages keep their session and get a new transport, on the same ports.
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

describe('the loss of a worker', () => {
  it('SRV-5 the server replaces a dead worker on the same ports', async () => {
    await using server = await InProcessServer.start({ workers: 2 });
    await expectRecovery(server, ({ worker }) => {
      process.kill(worker.pid, 'SIGKILL');
    });
    expect(server.app.pool.ready).toBe(true);
  });

  it('SRV-6 the server notices, kills and replaces a hung worker', async () => {
    await using server = await InProcessServer.start({ workers: 2 });
    await expectRecovery(server, ({ worker }) => {
      process.kill(worker.pid, 'SIGSTOP');
    });
    expect(server.app.pool.ready).toBe(true);
  });

  it('SRV-6 the server replaces a worker whose channel is broken', async () => {
    await using server = await InProcessServer.start({
      workers: 2,
      limits: { watchdogIntervalMs: LIMITS.watchdogDeadlineMs + 100 },
    });
    await expectRecovery(server, async ({ worker }) => {
      // Directly through mediasoup: a page can't send this, because the schema rejects it (SEC-1).
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

  it('SRV-5 while the only worker is being replaced, a viewer is asked to try later and the room survives', async () => {
    await using server = await InProcessServer.start();
    const owner = await server.connect();
    const claimed = await broadcast(owner, 'main');
    const died = once(server.worker().worker, 'died');
    const pid = server.killWorker();
    await died;
    const early = await (await server.connect()).errorCode('join', {
      ...PROTOCOL,
      room: 'main',
      rtpCapabilities: chromium.rtpCapabilities,
    });
    expect([undefined, 'media-unavailable']).toContain(early);
    await server.workerReplaced(pid);
    const { transport } = await owner.request('renewTransport');
    await produceVideo(owner, transport.id);
    expect((await join(await server.connect(), 'main')).room).toMatchObject({
      status: 'live',
      epoch: claimed.epoch,
    });
  });
});
