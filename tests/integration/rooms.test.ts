import { describe, expect, it } from 'vitest';
import { OnecastError } from '#protocol/errors.ts';
import { newSecret } from '#backend/admission/secrets.ts';
import {
  broadcast,
  claim,
  join,
  PROTOCOL,
  produceAudio,
  produceVideo,
} from '#testkit/signalling/requests.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const server = sharedServer();
const newRoom = () => server.newRoom();

describe('claims', () => {
  it('ROOM-1 the first publisher of a room owns it', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { publisherSecret, epoch } = await broadcast(owner, room);
    expect(publisherSecret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(epoch).toBe(1);
    const stranger = await server.connect();
    expect(await stranger.errorCode('publish', { ...PROTOCOL, room })).toBe('room-taken');
    expect(
      await stranger.errorCode('publish', { ...PROTOCOL, room, publisherSecret: newSecret() }),
    ).toBe('room-taken');
    expect(owner.pushes('superseded')).toEqual([]);
    expect((await join(await server.connect(), room)).room).toMatchObject({
      status: 'live',
      epoch: 1,
    });
  });

  it('ROOM-8 a page claims a room that the server has forgotten with the secret that the page holds', async () => {
    const room = newRoom();
    const held = newSecret();
    const { publisherSecret } = await claim(await server.connect(), room, held);
    expect(publisherSecret).toBe(held);
    expect(await (await server.connect()).errorCode('publish', { ...PROTOCOL, room })).toBe(
      'room-taken',
    );
  });

  it('ROOM-2 the new publisher replaces the old one when its video starts, not before', async () => {
    const room = newRoom();
    const [first, second, viewer] = await server.connectMany(3);
    const { publisherSecret } = await broadcast(first, room);
    const joined = await join(viewer, room);
    const claimed = await claim(second, room, publisherSecret);
    expect(claimed.epoch).toBe(2);
    expect(claimed.room).toMatchObject({ status: 'live', epoch: 1 });
    expect(await first.errorCode('renewTransport')).toBeUndefined();
    expect(first.pushes('superseded')).toEqual([]);
    await produceVideo(second, claimed.transport.id);
    expect(await first.waitForPush('superseded')).toEqual({ epoch: 2 });
    const changed = await viewer.waitForPush('broadcastChanged', ({ media }) => media.epoch === 2);
    expect(changed.room).toMatchObject({ status: 'live', epoch: 2 });
    expect(changed.media.consumers).toHaveLength(1);
    expect(changed.media.consumers[0]?.producerId).not.toBe(joined.media.consumers[0]?.producerId);
  });

  it('ROOM-2 ROOM-3 a superseded publisher gets `superseded` for every request and changes nothing', async () => {
    const room = newRoom();
    const [first, second] = await server.connectMany(2);
    const old = await broadcast(first, room);
    await broadcast(second, room, old.publisherSecret);
    await first.waitForPush('superseded');
    expect(await first.errorCode('endBroadcast', { epoch: 1 })).toBe('superseded');
    expect(await first.errorCode('endBroadcast', { epoch: 2 })).toBe('superseded');
    expect(await first.errorCode('renewTransport')).toBe('superseded');
    expect((await join(await server.connect(), room)).room).toMatchObject({
      status: 'live',
      epoch: 2,
    });
  });

  it('ROOM-3 the server refuses to end a broadcast of another epoch', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { epoch } = await broadcast(owner, room);
    expect(await owner.errorCode('endBroadcast', { epoch: epoch + 1 })).toBe('stale-epoch');
    expect(await owner.errorCode('endBroadcast', { epoch: 0 })).toBe('stale-epoch');
    expect((await join(await server.connect(), room)).room.status).toBe('live');
    await owner.request('endBroadcast', { epoch });
    expect((await join(await server.connect(), room)).room.status).toBe('ended');
  });
});

describe('ROOM-5 the end of a broadcast', () => {
  it('viewers learn of the end at once and receive the next broadcast automatically', async () => {
    const room = newRoom();
    const [owner, viewer] = await server.connectMany(2);
    const { epoch, publisherSecret } = await broadcast(owner, room);
    const joined = await join(viewer, room);
    await owner.request('endBroadcast', { epoch });
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'ended');
    const statuses = viewer.pushes('roomChanged').map(({ status }) => status);
    expect(statuses).not.toContain('interrupted');
    await broadcast(await server.connect(), room, publisherSecret);
    const { media } = await viewer.waitForPush(
      'broadcastChanged',
      (change) => change.media.epoch === 2,
    );
    expect(media.consumers).toHaveLength(1);
    expect(media.data).not.toBeNull();
    // The viewer still has the same transport.
    expect(
      await viewer.errorCode('restartIce', { transportId: joined.transport.id }),
    ).toBeUndefined();
  });

  it('MEDIA-5 a publisher adds and removes audio during a broadcast', async () => {
    const room = newRoom();
    const [owner, viewer] = await server.connectMany(2);
    const claimed = await broadcast(owner, room);
    await join(viewer, room);
    const { producerId } = await produceAudio(owner, claimed.transport.id);
    const kinds = ({ media }: { media: { consumers: { kind: string }[] } }) =>
      media.consumers.map(({ kind }) => kind).toSorted();
    await viewer.waitForPush(
      'broadcastChanged',
      (change) => kinds(change).join() === 'audio,video',
    );
    const before = viewer.pushes('broadcastChanged').length;
    expect(await owner.errorCode('closeProducer', { producerId })).toBeUndefined();
    await waitUntil('the audio is gone', () => {
      const last = viewer.pushes('broadcastChanged').slice(before).at(-1);
      return last !== undefined && kinds(last).join() === 'video';
    });
  });
});

describe('publishers that race for a room', () => {
  const RACERS = 100;

  it(`ROOM-1 exactly one of ${RACERS} publishers without a secret wins`, async () => {
    const room = newRoom();
    const racers = await server.connectMany(RACERS);
    const outcomes = await Promise.all(racers.map((racer) => tryBroadcast(racer, room)));
    expect(outcomes.filter((outcome) => outcome === 'live')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'room-taken')).toHaveLength(RACERS - 1);
    await leaveAll(racers);
  });

  it(`ROOM-2 one of ${RACERS} publishers with the same secret ends up live, and the others know`, async () => {
    const room = newRoom();
    const secret = newSecret();
    const before = server.app.registry.sessionCount;
    const racers = await server.connectMany(RACERS);
    const outcomes = await Promise.all(racers.map((racer) => tryBroadcast(racer, room, secret)));
    await waitUntil('one session is left', () => server.app.registry.sessionCount === before + 1);
    const view = (await join(await server.connect(), room)).room;
    expect(view).toMatchObject({ status: 'live', epoch: RACERS });
    const informed = racers.map(
      (racer, i) => outcomes[i] === 'superseded' || racer.pushes('superseded').length > 0,
    );
    expect(informed.filter((isInformed) => !isInformed)).toHaveLength(1);
    await leaveAll(racers);
  });
});

async function tryBroadcast(
  client: SignalClient,
  room: string,
  secret?: ReturnType<typeof newSecret>,
) {
  try {
    await broadcast(client, room, secret);
    return 'live';
  } catch (error) {
    if (error instanceof OnecastError) return error.code;
    throw error;
  }
}

async function leaveAll(clients: readonly SignalClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.errorCode('leave')));
  for (const client of clients) client.close();
}
