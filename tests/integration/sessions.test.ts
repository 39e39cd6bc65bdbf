import { describe, expect, it } from 'vitest';
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
import { sharedServer } from '#testkit/server/shared-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const server = sharedServer();
const newRoom = () => server.newRoom();

describe('CONN-2 resuming a session on a new socket', () => {
  it('a viewer that resumes keeps its transport and gets everything it should receive', async () => {
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

  it('CONN-13 a resumed viewer gets the present state, not the state when its socket closed', async () => {
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

  it('a publisher that resumes is still live and learns which producers are open', async () => {
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

  it('the last secret stays valid until its successor is used, and an older one ends the session', async () => {
    const viewer = await server.connect();
    const { session } = await join(viewer, newRoom());
    const second = (await resume(await server.connect(), session)).session;
    // As if the answer was lost: the page uses the same secret again.
    const third = (await resume(await server.connect(), session)).session;
    expect(third.resumeSecret).not.toBe(second.resumeSecret);
    const last = await server.connect();
    await resume(last, third);
    const thief = await server.connect();
    expect(await thief.errorCode('resume', { ...PROTOCOL, ...session })).toBe('session-gone');
    expect(await last.errorCode('requestKeyFrame')).toBe('session-gone');
    expect(server.app.registry.member(session.sessionId)).toBeUndefined();
  });

  it('SEC-4 the server refuses an invented secret and leaves the session as it is', async () => {
    const viewer = await server.connect();
    const { session } = await join(viewer, newRoom());
    const stranger = await server.connect();
    const guess = { ...PROTOCOL, sessionId: session.sessionId, resumeSecret: newSecret() };
    expect(await stranger.errorCode('resume', guess)).toBe('session-gone');
    expect(await viewer.errorCode('requestKeyFrame')).toBeUndefined();
    expect(viewer.connected).toBe(true);
  });
});

describe('CONN-3 a replaced socket', () => {
  it('the server drops the old socket, and its disconnect changes nothing', async () => {
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
  it('a repeated join on one socket gets the same answer and makes no second session', async () => {
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

  it('a repeated publish claims the room once', async () => {
    const room = newRoom();
    const client = await server.connect();
    const request = { requestId: 'same', ...PROTOCOL, room };
    const answers = await Promise.all([1, 2, 3].map(() => client.raw('publish', request)));
    answers.push(await client.raw('publish', request));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(client.pushes('superseded')).toEqual([]);
  });

  it('a request repeated on the next socket of its session gets the same answer', async () => {
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
  it('the server runs commands one after another and refuses those that follow the end', async () => {
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
      // The request before replaced this transport.
      'transport-gone',
      undefined,
      'session-gone',
      'session-gone',
    ]);
    expect(server.app.registry.member(session.sessionId)).toBeUndefined();
  });
});

describe('CONN-6 one transport per session', () => {
  it('a viewer’s old transport stays until the new one has resumed its consumers', async () => {
    const room = newRoom();
    await broadcast(await server.connect(), room);
    const viewer = await server.connect();
    const { transport } = await join(viewer, room);
    await connectTransport(viewer, transport.id);
    const transports = () => server.worker().transports;
    const before = transports();
    const renewed = await viewer.request('renewTransport');
    expect(renewed.transport.id).not.toBe(transport.id);
    expect(transports()).toBe(before + 1);
    const consumerIds = renewed.media?.consumers.map(({ id }) => id) ?? [];
    expect(consumerIds).toHaveLength(1);
    await viewer.request('resumeConsumers', { consumerIds });
    expect(transports()).toBe(before);
    expect(viewer.pushes('transportGone')).toEqual([]);
  });

  it('a session that renews its transport 50 times has two', async () => {
    const viewer = await server.connect();
    await join(viewer, newRoom());
    const transports = () => server.worker().transports;
    const before = transports();
    await Promise.all(Array.from({ length: 50 }, () => viewer.request('renewTransport')));
    expect(transports()).toBe(before + 1);
  });
});

describe('CONN-1 ROOM-4 ROOM-7 expiry', () => {
  it('an expired publisher leaves its room interrupted, then ended, and the empty room is forgotten', async () => {
    await using quick = await InProcessServer.start({
      limits: { sessionGraceMs: 100, interruptedRoomMs: 300, idleRoomMs: 50 },
    });
    const room = newRoom();
    const [owner, viewer] = await quick.connectMany(2);
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
    // ROOM-7: when the last viewer has left, the server forgets the room and its secret.
    await viewer.request('leave');
    await waitUntil('the room is forgotten', () => quick.app.registry.roomCount === 0);
    expect((await broadcast(await quick.connect(), room)).epoch).toBe(1);
  });

  it('ROOM-4 a publisher whose broadcast was ended by its absence is live again when it comes back', async () => {
    await using quick = await InProcessServer.start({ limits: { interruptedRoomMs: 50 } });
    const room = newRoom();
    const [owner, viewer] = await quick.connectMany(2);
    const { transport } = await broadcast(owner, room);
    await join(viewer, room);
    // The publisher loses its media and keeps its socket.
    const pid = quick.killWorker();
    expect(await owner.waitForPush('transportGone')).toEqual({ transportId: transport.id });
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'ended');
    await quick.workerReplaced(pid);
    const renewed = await owner.request('renewTransport');
    await produceVideo(owner, renewed.transport.id);
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'live');
  });
});
