import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { broadcast, join, produceAudio, produceVideo } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

/** Every worker counts as busy, so that the room spreads from the second viewer on. */
const SPREAD = { workerBusyShare: 0, spreadGainShare: 0, emptyRouterMs: 200 } as const;
const ROOM = 'fan-out';

let server: InProcessServer;
beforeEach(async () => {
  server = await InProcessServer.start({ workers: 2, limits: SPREAD });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

type Joined = Awaited<ReturnType<typeof join>>;
interface Watching {
  readonly client: SignalClient;
  readonly joined: Joined;
  /** Index of the worker that has the viewer's transport. */
  readonly worker: number;
}

const workerOf = ({ iceCandidates }: Joined['transport']): number =>
  server.workerOfPort(iceCandidates[0]?.port).index;

async function watch(): Promise<Watching> {
  const client = await server.connect();
  const joined = await join(client, ROOM);
  return { client, joined, worker: workerOf(joined.transport) };
}

/** A publisher and four viewers, two on each worker. */
async function spreadRoom() {
  const owner = await server.connect();
  const claimed = await broadcast(owner, ROOM);
  const viewers: Watching[] = [];
  for (let i = 0; i < 4; i += 1) viewers.push(await watch());
  const home = workerOf(claimed.transport);
  const near = viewers.filter(({ worker }) => worker === home);
  const far = viewers.filter(({ worker }) => worker !== home);
  expect(near.length).toBeGreaterThan(0);
  expect(far.length).toBeGreaterThan(0);
  return { owner, claimed, viewers, near, far, home };
}

const routerCount = async () => (await server.mediaInUse()).routers;

describe('FAN-2 a room on two workers', () => {
  it('every viewer gets the same broadcast, on either worker', async () => {
    const { viewers, owner, claimed } = await spreadRoom();
    const [first] = viewers;
    for (const { joined } of viewers) {
      expect(joined.media.consumers.map(({ producerId }) => producerId)).toEqual(
        first?.joined.media.consumers.map(({ producerId }) => producerId),
      );
      expect(joined.media.consumers).toHaveLength(1);
      expect(joined.media.data).not.toBeNull();
      expect(joined.media.data).not.toEqual([]);
    }
    // Audio starts later, on both workers.
    await produceAudio(owner, claimed.transport.id);
    for (const { client } of viewers) {
      const { media } = await client.waitForPush(
        'broadcastChanged',
        (change) => change.media.consumers.length === 2,
      );
      expect(media.consumers.map(({ kind }) => kind).toSorted()).toEqual(['audio', 'video']);
    }
  });

  it('30 viewers that join at the same moment share one pipe', async () => {
    await broadcast(await server.connect(), ROOM);
    const viewers = await Promise.all(Array.from({ length: 30 }, watch));
    for (const { joined } of viewers) expect(joined.media.consumers).toHaveLength(1);
    const perWorker = [0, 1].map(
      (index) => viewers.filter(({ worker }) => worker === index).length,
    );
    expect(Math.min(...perWorker)).toBeGreaterThan(10);
    const [member] = server.app.registry.members();
    const dumps = (member?.room.fanOut.routers ?? []).map(({ router }) => router.dump());
    const transports = (await Promise.all(dumps)).flatMap(({ transportIds }) => transportIds);
    // Besides the pages' transports: two ends of one pipe, and the overlay's tap.
    expect(transports).toHaveLength(viewers.length + 1 + 3);
  });

  it('the room gives up a worker when its viewers have left, and can spread again', async () => {
    const { near, far } = await spreadRoom();
    expect(await routerCount()).toBe(2);
    for (const { client } of far) await client.request('leave');
    await waitUntil('one router is left', async () => (await routerCount()) === 1);
    for (const { client } of near) {
      expect(client.pushes('transportGone')).toEqual([]);
      expect(await client.errorCode('requestKeyFrame')).toBeUndefined();
    }
    // The room can spread again.
    const { worker } = await watch();
    expect(far.map((viewer) => viewer.worker)).toContain(worker);
    expect(await routerCount()).toBe(2);
  });

  it('the room keeps the router of a publisher that is lost', async () => {
    const { owner, viewers } = await spreadRoom();
    owner.cut();
    for (const { client } of viewers) await client.request('leave');
    await waitUntil('one router is left', async () => (await routerCount()) === 1);
    expect((await watch()).joined.room.status).not.toBe('closed');
  });

  it('SRV-5 a worker that dies takes only its own viewers’ transports with it', async () => {
    const { near, far, home, owner } = await spreadRoom();
    server.killWorker(1 - home);
    for (const { client, joined } of far) {
      expect(await client.waitForPush('transportGone')).toEqual({
        transportId: joined.transport.id,
      });
      const renewed = await client.request('renewTransport');
      expect(renewed.media?.consumers).toHaveLength(1);
      expect(renewed.room.status).toBe('live');
    }
    for (const { client } of [...near, { client: owner }]) {
      expect(client.pushes('transportGone')).toEqual([]);
      expect(client.pushes('roomChanged').map(({ status }) => status)).not.toContain('interrupted');
    }
  });

  it('SRV-5 viewers on the other worker keep their transports when the publisher’s worker dies', async () => {
    const { near, far, home, owner } = await spreadRoom();
    server.killWorker(home);
    await owner.waitForPush('transportGone');
    await far[0]?.client.waitForPush('roomChanged', ({ status }) => status === 'interrupted');
    const { transport } = await owner.request('renewTransport');
    await produceVideo(owner, transport.id);
    for (const { client, joined } of far) {
      const { media } = await client.waitForPush(
        'broadcastChanged',
        (change) =>
          change.room.status === 'live' &&
          change.media.consumers.length === 1 &&
          change.media.consumers[0]?.producerId !== joined.media.consumers[0]?.producerId,
      );
      expect(media.consumers).toHaveLength(1);
      expect(client.pushes('transportGone')).toEqual([]);
    }
    for (const { client } of near) {
      await client.waitForPush('transportGone');
      expect((await client.request('renewTransport')).media?.consumers).toHaveLength(1);
    }
  });

  it('SRV-7 the room leaves nothing behind when all have left', async () => {
    const { owner, viewers, claimed } = await spreadRoom();
    for (const { client } of viewers) await client.request('leave');
    await owner.request('endBroadcast', { epoch: claimed.epoch });
    await waitUntil('one router is left', async () => (await routerCount()) === 1);
    // The room and its router stay for a while.
    expect(await server.mediaInUse()).toEqual({ routers: 1, transports: 0, iceUsers: 0 });
  });
});
