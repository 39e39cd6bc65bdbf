import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { newSecret } from '#backend/admission/secrets.ts';
import {
  broadcast,
  claim,
  connectTransport,
  join,
  PROTOCOL,
  produceOverlay,
  produceVideo,
  resume,
} from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
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

describe('CONN-2 a session is taken up on a new socket', () => {
  it('a viewer has its transport, and the whole of what it should receive', async () => {
    const room = newRoom();
    await broadcast(await server.connect(), room);
    const before = await server.connect();
    const joined = await join(before, room);
    before.cut();
    const after = await server.connect();
    const resumed = await resume(after, joined.session);
    expect(resumed).toMatchObject({
      transportId: joined.transport.id,
      room: { status: 'live', epoch: 1 },
      media: joined.media,
      producerIds: [],
    });
    expect(resumed.session.sessionId).toBe(joined.session.sessionId);
    expect(resumed.session.resumeSecret).not.toBe(joined.session.resumeSecret);
  });

  it('CONN-13 the snapshot is what is now, not what was when the socket went', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { publisherSecret } = await broadcast(owner, room);
    const viewer = await server.connect();
    const joined = await join(viewer, room);
    viewer.cut();
    await broadcast(await server.connect(), room, publisherSecret);
    const resumed = await resume(await server.connect(), joined.session);
    expect(resumed.transportId).toBe(joined.transport.id);
    expect(resumed.media).toMatchObject({ epoch: 2 });
    expect(resumed.media?.consumers[0]?.producerId).not.toBe(joined.media.consumers[0]?.producerId);
  });

  it('a publisher stays on air and hears which producers live', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const claimed = await claim(owner, room);
    const data = await produceOverlay(owner, claimed.transport.id);
    const video = await produceVideo(owner, claimed.transport.id);
    owner.cut();
    const resumed = await resume(await server.connect(), claimed.session);
    expect(resumed.producerIds.toSorted()).toEqual([data.producerId, video.producerId].toSorted());
    expect(resumed.room).toMatchObject({ status: 'live', epoch: 1 });
  });

  it('the secret just used is good until its successor is used; an older one ends the session', async () => {
    const viewer = await server.connect();
    const { session } = await join(viewer, newRoom());
    const second = (await resume(await server.connect(), session)).session;
    // The answer was lost: the same secret again.
    const third = (await resume(await server.connect(), session)).session;
    expect(third.resumeSecret).not.toBe(second.resumeSecret);
    const last = await server.connect();
    await resume(last, third);
    const thief = await server.connect();
    expect(await thief.errorCode('resume', { ...PROTOCOL, ...session })).toBe('session-gone');
    expect(await last.errorCode('requestKeyFrame')).toBe('session-gone');
    expect(server.app.registry.member(session.sessionId)).toBeUndefined();
  });

  it('SEC-4 a made-up secret is refused and touches nothing', async () => {
    const viewer = await server.connect();
    const { session } = await join(viewer, newRoom());
    const stranger = await server.connect();
    const guess = { ...PROTOCOL, sessionId: session.sessionId, resumeSecret: newSecret() };
    expect(await stranger.errorCode('resume', guess)).toBe('session-gone');
    expect(await viewer.errorCode('requestKeyFrame')).toBeUndefined();
    expect(viewer.connected).toBe(true);
  });
});

describe('CONN-3 a socket that has been replaced', () => {
  it('is dropped, and its disconnect changes nothing', async () => {
    const before = await server.connect();
    const { session } = await join(before, newRoom());
    const after = await server.connect();
    await resume(after, session);
    await waitUntil('the old socket is dropped', () => !before.connected);
    expect(await after.errorCode('requestKeyFrame')).toBeUndefined();
    expect(server.app.registry.member(session.sessionId)?.session.attached).toBe(true);
  });
});

describe('CONN-4 a repeated request', () => {
  it('gets the same answer on the same socket, entrances included', async () => {
    const room = newRoom();
    const client = await server.connect();
    const before = server.app.registry.sessionCount;
    const request = {
      requestId: 'same',
      ...PROTOCOL,
      room,
      rtpCapabilities: chromium.rtpCapabilities,
    };
    const first = await client.raw('join', request);
    expect(await client.raw('join', request)).toEqual(first);
    expect(server.app.registry.sessionCount).toBe(before + 1);
  });

  it('claims a room once', async () => {
    const room = newRoom();
    const client = await server.connect();
    const request = { requestId: 'same', ...PROTOCOL, room };
    const answers = await Promise.all([1, 2, 3].map(() => client.raw('publish', request)));
    answers.push(await client.raw('publish', request));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(client.pushes('superseded')).toEqual([]);
  });

  it('gets the same answer on the next socket of its session', async () => {
    const owner = await server.connect();
    const { session, transport } = await claim(owner, newRoom());
    const request = {
      requestId: 'same',
      transportId: transport.id,
      kind: 'video',
      rtpParameters: chromium.simulcastVp8,
    };
    const first = await owner.raw('produce', request);
    owner.cut();
    const next = await server.connect();
    const resumed = await resume(next, session);
    expect(await next.raw('produce', request)).toEqual(first);
    expect(resumed.producerIds).toHaveLength(1);
  });
});

describe('CONN-5 commands of one session', () => {
  it('run one after another; what comes after the end is refused and leaves nothing', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { transport, session } = await claim(owner, room);
    const outcomes = await Promise.all([
      owner.errorCode('connectTransport', {
        transportId: transport.id,
        dtlsParameters: chromium.dtlsParameters,
      }),
      owner.errorCode('renewTransport'),
      owner.errorCode('restartIce', { transportId: transport.id }),
      owner.errorCode('leave'),
      owner.errorCode('renewTransport'),
      owner.errorCode('leave'),
    ]);
    expect(outcomes).toEqual([
      undefined,
      undefined,
      // The transport it names was replaced by the request before.
      'transport-gone',
      undefined,
      'session-gone',
      'session-gone',
    ]);
    expect(server.app.registry.member(session.sessionId)).toBeUndefined();
  });
});

describe('CONN-6 one transport per session', () => {
  it('a viewer’s old one lives on until the new one has its consumers', async () => {
    const room = newRoom();
    await broadcast(await server.connect(), room);
    const viewer = await server.connect();
    const { transport } = await join(viewer, room);
    await connectTransport(viewer, transport.id);
    const load = () => server.app.pool.workers[0]?.transports ?? 0;
    const before = load();
    const renewed = await viewer.request('renewTransport');
    expect(renewed.transport.id).not.toBe(transport.id);
    expect(load()).toBe(before + 1);
    const consumerIds = renewed.media?.consumers.map(({ id }) => id) ?? [];
    expect(consumerIds).toHaveLength(1);
    await viewer.request('resumeConsumers', { consumerIds });
    expect(load()).toBe(before);
    expect(viewer.pushes('transportGone')).toEqual([]);
  });

  it('however often it is renewed', async () => {
    const viewer = await server.connect();
    await join(viewer, newRoom());
    const load = () => server.app.pool.workers[0]?.transports ?? 0;
    const before = load();
    await Promise.all(Array.from({ length: 50 }, () => viewer.request('renewTransport')));
    expect(load()).toBe(before + 1);
  });
});

describe('CONN-1 ROOM-4 expiry', () => {
  it('a session that nobody takes up expires; a publisher’s leaves its room interrupted, then ended', async () => {
    await using quick = await InProcessServer.start({
      limits: { sessionGraceMs: 100, interruptedRoomMs: 300, idleRoomMs: 50 },
    });
    const room = newRoom();
    const [owner, viewer] = await Promise.all([quick.connect(), quick.connect()]);
    const { session } = await broadcast(owner, room);
    await join(viewer, room);
    owner.cut();
    const { interruption } = await viewer.waitForPush(
      'roomChanged',
      ({ status }) => status === 'interrupted',
    );
    expect(interruption).toMatchObject({ reason: 'publisher-lost' });
    expect(await (await quick.connect()).errorCode('resume', { ...PROTOCOL, ...session })).toBe(
      'session-gone',
    );
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'ended');
    // ROOM-7: with the last viewer gone the room is forgotten, its secret with it.
    await viewer.request('leave');
    await waitUntil('the room is forgotten', () => quick.app.registry.roomCount === 0);
    expect((await broadcast(await quick.connect(), room)).epoch).toBe(1);
  });

  it('ROOM-4 a publisher that was given up and is back is on air again', async () => {
    await using quick = await InProcessServer.start({ limits: { interruptedRoomMs: 50 } });
    const room = newRoom();
    const [owner, viewer] = await Promise.all([quick.connect(), quick.connect()]);
    const { transport } = await broadcast(owner, room);
    await join(viewer, room);
    // Its media is lost; its socket stays.
    for (const { worker } of quick.app.pool.workers) process.kill(worker.pid, 'SIGKILL');
    expect(await owner.waitForPush('transportGone')).toEqual({ transportId: transport.id });
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'ended');
    await waitUntil('the worker is replaced', () => quick.app.pool.ready);
    const renewed = await owner.request('renewTransport');
    await produceVideo(owner, renewed.transport.id);
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'live');
  });
});
