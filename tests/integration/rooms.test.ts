import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

let server: InProcessServer;
let rooms = 0;
const newRoom = () => `room-${(rooms += 1)}`;

beforeAll(async () => {
  server = await InProcessServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe('claims', () => {
  it('ROOM-1 a room belongs to whoever publishes in it first', async () => {
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

  it('ROOM-8 a page claims a room that the server no longer knows with the secret it holds', async () => {
    const room = newRoom();
    const held = newSecret();
    const { publisherSecret } = await claim(await server.connect(), room, held);
    expect(publisherSecret).toBe(held);
    expect(await (await server.connect()).errorCode('publish', { ...PROTOCOL, room })).toBe(
      'room-taken',
    );
  });

  it('ROOM-2 the publisher before is out when the picture of the new one is there, not before', async () => {
    const room = newRoom();
    const [first, second, viewer] = await Promise.all([
      server.connect(),
      server.connect(),
      server.connect(),
    ]);
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

  it('ROOM-2 ROOM-3 who has been superseded is told so by every answer and changes nothing', async () => {
    const room = newRoom();
    const [first, second] = await Promise.all([server.connect(), server.connect()]);
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

  it('ROOM-3 an end that names another epoch is refused', async () => {
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
  it('is told at once, as an end and nothing else; the next one comes by itself', async () => {
    const room = newRoom();
    const [owner, viewer] = await Promise.all([server.connect(), server.connect()]);
    const { epoch, publisherSecret } = await broadcast(owner, room);
    const joined = await join(viewer, room);
    await owner.request('endBroadcast', { epoch });
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'ended');
    const told = viewer.pushes('roomChanged').map(({ status }) => status);
    expect(told).not.toContain('interrupted');
    await broadcast(await server.connect(), room, publisherSecret);
    const { media } = await viewer.waitForPush(
      'broadcastChanged',
      (change) => change.media.epoch === 2,
    );
    expect(media.consumers).toHaveLength(1);
    expect(media.data).not.toBeNull();
    // On the transport it has: the id is still the session's.
    expect(
      await viewer.errorCode('restartIce', { transportId: joined.transport.id }),
    ).toBeUndefined();
  });

  it('MEDIA-5 sound comes and goes within a broadcast', async () => {
    const room = newRoom();
    const [owner, viewer] = await Promise.all([server.connect(), server.connect()]);
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
    await waitUntil('the sound is gone', () => {
      const last = viewer.pushes('broadcastChanged').slice(before).at(-1);
      return last !== undefined && kinds(last).join() === 'video';
    });
  });
});

describe('two publishers race', () => {
  const RACERS = 100;

  it(`ROOM-1 ${RACERS} without a secret: exactly one wins`, async () => {
    const room = newRoom();
    const racers = await Promise.all(Array.from({ length: RACERS }, () => server.connect()));
    const outcomes = await Promise.all(racers.map((racer) => tryBroadcast(racer, room)));
    expect(outcomes.filter((outcome) => outcome === 'live')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'room-taken')).toHaveLength(RACERS - 1);
    await left(racers);
  });

  it(`ROOM-2 ${RACERS} with the same secret: one is live in the end, the others know`, async () => {
    const room = newRoom();
    const secret = newSecret();
    const before = server.app.registry.sessionCount;
    const racers = await Promise.all(Array.from({ length: RACERS }, () => server.connect()));
    const outcomes = await Promise.all(racers.map((racer) => tryBroadcast(racer, room, secret)));
    await waitUntil('one session is left', () => server.app.registry.sessionCount === before + 1);
    const view = (await join(await server.connect(), room)).room;
    expect(view).toMatchObject({ status: 'live', epoch: RACERS });
    const knows = racers.map(
      (racer, i) => outcomes[i] === 'superseded' || racer.pushes('superseded').length > 0,
    );
    expect(knows.filter((known) => !known)).toHaveLength(1);
    await left(racers);
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

async function left(clients: readonly SignalClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.errorCode('leave')));
  for (const client of clients) client.close();
}
