/** Attempts to take over someone else's session, room or role. */
import { describe, expect, it } from 'vitest';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { newSecret, newSessionId } from '#backend/admission/secrets.ts';
import { RawSocket } from '#testkit/signalling/raw-socket.ts';
import { broadcast, join, PROTOCOL, resume } from '#testkit/signalling/requests.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const RACERS = 100;

const server = sharedServer();
const newRoom = () => server.newRoom();

/** Whether a viewer that joins now finds the room live. */
async function isLive(room: string): Promise<boolean> {
  const witness = await server.connect();
  const { room: view, media } = await join(witness, room);
  witness.close();
  return view.status === 'live' && media.consumers.length > 0;
}

describe('CONN-2 a stolen resume secret', () => {
  it('the server ends the session for both sides once owner and thief have used it', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { session, publisherSecret } = await broadcast(owner, room);
    const thief = await server.connect();
    const stolen = await resume(thief, session);
    await waitUntil('the owner’s socket is dropped', () => !owner.connected);
    // The owner comes back with the secret that it has, as after any lost connection.
    const back = await server.connect();
    await resume(back, session);
    await waitUntil('the thief’s socket is dropped', () => !thief.connected);
    // The thief's secret is an older one now: presenting it ends the session for both.
    const again = await server.connect();
    expect(await again.errorCode('resume', { ...PROTOCOL, ...stolen.session })).toBe(
      'session-gone',
    );
    expect(await back.errorCode('renewTransport')).toBe('session-gone');
    expect(server.app.registry.member(session.sessionId)).toBeUndefined();
    // The owner still has the room and claims it again; the thief does not have the room's secret.
    expect(await again.errorCode('publish', { ...PROTOCOL, room })).toBe('room-taken');
    await broadcast(await server.connect(), room, publisherSecret);
    expect(await isLive(room)).toBe(true);
  });

  it('a secret opens no other session, and session ids can’t be guessed', async () => {
    const room = newRoom();
    const [owner, viewer, thief] = await server.connectMany(3);
    const publishing = await broadcast(owner, room);
    const watching = await join(viewer, room);
    const guesses = [
      { ...publishing.session, resumeSecret: watching.session.resumeSecret },
      { ...watching.session, resumeSecret: publishing.session.resumeSecret },
      { ...publishing.session, resumeSecret: publishing.publisherSecret },
      ...Array.from({ length: RACERS }, () => ({
        sessionId: newSessionId(),
        resumeSecret: newSecret(),
      })),
    ];
    for (const session of guesses) {
      expect(await thief.errorCode('resume', { ...PROTOCOL, ...session })).toBe('session-gone');
    }
    expect(owner.connected && viewer.connected).toBe(true);
    expect(await isLive(room)).toBe(true);
  });
});

describe('ROOM-1 SEC-6 a live room', () => {
  it(`${RACERS} clients that guess the secret at the same moment do not get the room`, async () => {
    const room = newRoom();
    const owner = await server.connect();
    await broadcast(owner, room);
    const thieves = await server.connectMany(RACERS);
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

  it('SEC-6 the server sends a viewer no secret, session or transport of another page', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { publisherSecret, session, transport } = await broadcast(owner, room);
    const other = await join(await server.connect(), room);
    const viewer = await RawSocket.open(server.url);
    const received: string[] = [];
    for (const [name, more] of [
      ['join', { ...PROTOCOL, room, rtpCapabilities: chromium.rtpCapabilities }],
      ['renewTransport', {}],
      ['renewConsumers', {}],
      ['stateSnapshot', {}],
    ] as const) {
      const payload = JSON.stringify({ requestId: name, ...more });
      received.push(JSON.stringify(await viewer.request(name, payload)));
    }
    await broadcast(await server.connect(), room, publisherSecret);
    await viewer.waitForPacket((packet) => packet.includes('broadcastChanged'));
    received.push(...viewer.received);
    const secrets = [
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
    for (const secret of secrets) expect(received.join('\n')).not.toContain(secret);
    viewer.close();
  });
});

describe('SEC-4 a role', () => {
  it('a publisher’s socket that resumes a viewer’s session is a viewer', async () => {
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

  it('a publisher can’t end the broadcast of another room', async () => {
    const [room, foreign] = [newRoom(), newRoom()];
    const [owner, stranger] = await server.connectMany(2);
    const { epoch, transport } = await broadcast(owner, room);
    await broadcast(stranger, foreign);
    // The epoch is right, but of another room.
    expect(epoch).toBe(1);
    await stranger.request('endBroadcast', { epoch });
    expect(await isLive(room)).toBe(true);
    expect(await stranger.errorCode('restartIce', { transportId: transport.id })).toBe(
      'session-gone',
    );
  });
});
