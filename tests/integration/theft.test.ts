/** Taking over what is somebody else's: a session, a room, a role. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { newSecret, newSessionId } from '#backend/admission/secrets.ts';
import { RawSocket } from '#testkit/signalling/raw-socket.ts';
import { broadcast, join, PROTOCOL, resume } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const RACERS = 100;

let server: InProcessServer;
let rooms = 0;
const newRoom = () => `room-${(rooms += 1)}`;

beforeAll(async () => {
  server = await InProcessServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Still on air, by the word of somebody who joins now. */
async function isLive(room: string): Promise<boolean> {
  const witness = await server.connect();
  const { room: view, media } = await join(witness, room);
  witness.close();
  return view.status === 'live' && media.consumers.length > 0;
}

describe('CONN-2 a stolen resume secret', () => {
  it('is found out as soon as both have used the session: it ends, and neither has it', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { session, publisherSecret } = await broadcast(owner, room);
    const thief = await server.connect();
    const stolen = await resume(thief, session);
    await waitUntil('the owner’s socket is dropped', () => !owner.connected);
    // The owner comes back with the secret it has, as after any lost line.
    const back = await server.connect();
    await resume(back, session);
    await waitUntil('the thief’s socket is dropped', () => !thief.connected);
    // The thief's next secret is worth nothing, and showing it ends the session for both.
    const again = await server.connect();
    expect(await again.errorCode('resume', { ...PROTOCOL, ...stolen.session })).toBe(
      'session-gone',
    );
    expect(await back.errorCode('renewTransport')).toBe('session-gone');
    expect(server.app.registry.member(session.sessionId)).toBeUndefined();
    // The room is still its owner's, who claims it anew; the thief has no secret of the room.
    expect(await again.errorCode('publish', { ...PROTOCOL, room })).toBe('room-taken');
    await broadcast(await server.connect(), room, publisherSecret);
    expect(await isLive(room)).toBe(true);
  });

  it('of one session is no good for another, and names of sessions can not be guessed', async () => {
    const room = newRoom();
    const [owner, viewer, thief] = await Promise.all([
      server.connect(),
      server.connect(),
      server.connect(),
    ]);
    const publishing = await broadcast(owner, room);
    const watching = await join(viewer, room);
    const tries = [
      { ...publishing.session, resumeSecret: watching.session.resumeSecret },
      { ...watching.session, resumeSecret: publishing.session.resumeSecret },
      { ...publishing.session, resumeSecret: publishing.publisherSecret },
      ...Array.from({ length: RACERS }, () => ({
        sessionId: newSessionId(),
        resumeSecret: newSecret(),
      })),
    ];
    for (const session of tries) {
      expect(await thief.errorCode('resume', { ...PROTOCOL, ...session })).toBe('session-gone');
    }
    expect(owner.connected && viewer.connected).toBe(true);
    expect(await isLive(room)).toBe(true);
  });
});

describe('ROOM-1 a live room', () => {
  it(`is not taken by ${RACERS} who guess its secret at once`, async () => {
    const room = newRoom();
    const owner = await server.connect();
    await broadcast(owner, room);
    const thieves = await Promise.all(Array.from({ length: RACERS }, () => server.connect()));
    const codes = await Promise.all(
      thieves.map((thief) =>
        thief.errorCode('publish', { ...PROTOCOL, room, publisherSecret: newSecret() }),
      ),
    );
    expect(new Set(codes)).toEqual(new Set(['room-taken']));
    expect(owner.pushes('superseded')).toEqual([]);
    expect(await isLive(room)).toBe(true);
    for (const thief of thieves) thief.close();
  });

  it('SEC-6 tells a viewer nothing that would help: no secret, no session and no transport of another', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { publisherSecret, session, transport } = await broadcast(owner, room);
    const other = await join(await server.connect(), room);
    const viewer = await RawSocket.open(server.url);
    const heard: string[] = [];
    for (const [name, more] of [
      ['join', { ...PROTOCOL, room, rtpCapabilities: chromium.rtpCapabilities }],
      ['renewTransport', {}],
      ['renewConsumers', {}],
      ['stateSnapshot', {}],
    ] as const) {
      const payload = JSON.stringify({ requestId: name, ...more });
      heard.push(JSON.stringify(await viewer.request(name, payload)));
    }
    await broadcast(await server.connect(), room, publisherSecret);
    await viewer.waitForPacket((packet) => packet.includes('broadcastChanged'));
    heard.push(...viewer.received);
    const foreign = [
      publisherSecret ?? 'none',
      session.sessionId,
      session.resumeSecret,
      transport.id,
      transport.iceParameters.password,
      other.session.sessionId,
      other.session.resumeSecret,
      other.transport.id,
      other.transport.iceParameters.password,
    ];
    for (const secret of foreign) expect(heard.join('\n')).not.toContain(secret);
    viewer.close();
  });
});

describe('SEC-4 a role', () => {
  it('goes with the session: who takes up a viewer’s is a viewer, whatever it was before', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { epoch, transport } = await broadcast(owner, room);
    const viewer = await server.connect();
    const { session } = await join(viewer, room);
    await resume(owner, session);
    expect(await owner.errorCode('endBroadcast', { epoch })).toBe('not-allowed');
    expect(
      await owner.errorCode('produce', {
        transportId: transport.id,
        kind: 'video',
        rtpParameters: chromium.simulcastVp8,
      }),
    ).toBe('not-allowed');
    expect(await isLive(room)).toBe(true);
  });

  it('of a publisher reaches its own room only', async () => {
    const [room, foreign] = [newRoom(), newRoom()];
    const [owner, stranger] = await Promise.all([server.connect(), server.connect()]);
    const { epoch, transport } = await broadcast(owner, room);
    await broadcast(stranger, foreign);
    // The same number, of another room.
    expect(epoch).toBe(1);
    await stranger.request('endBroadcast', { epoch });
    expect(await isLive(room)).toBe(true);
    expect(await stranger.errorCode('restartIce', { transportId: transport.id })).toBe(
      'session-gone',
    );
  });
});
