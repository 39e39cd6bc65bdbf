import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { type Claims, signToken } from '#backend/admission/tokens.ts';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { RoomIdSchema, SecretSchema } from '#protocol/ids.ts';
import { PROTOCOL, produceOverlay, produceVideo, resume } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';

const AUTH_SECRET = 'only for these tests, and long enough to sign with';
const key = createSecretKey(Buffer.from(AUTH_SECRET));
const room = v.parse(RoomIdSchema, 'demo');
const token = (claims: Partial<Claims> = {}) =>
  signToken(key, { room, role: 'viewer', exp: Date.now() / 1_000 + 60, ...claims });

const watch = (shown?: string, name: string = room) => ({
  ...PROTOCOL,
  room: name,
  rtpCapabilities: chromium.rtpCapabilities,
  ...(shown !== undefined && { token: shown }),
});
const publish = (shown?: string, more: object = {}) => ({
  ...PROTOCOL,
  room,
  ...(shown !== undefined && { token: shown }),
  ...more,
});

describe('with AUTH_SECRET', () => {
  const server = sharedServer({
    env: { AUTH_SECRET },
    // So that a token can be past its `exp` and still be accepted.
    limits: { tokenToleranceS: 3_600 },
  });

  async function goLive(shown: string): Promise<{ owner: SignalClient; epoch: number }> {
    const owner = await server.connect();
    const { transport, epoch } = await owner.request('publish', publish(shown));
    await produceOverlay(owner, transport.id);
    await produceVideo(owner, transport.id);
    return { owner, epoch };
  }

  test('TOKEN-1 a refusal has a code, opens no room and keeps the socket open', async () => {
    const client = await server.connect();
    const viewer = await token();
    const ended = await token({ exp: Date.now() / 1_000 - 7_200 });
    const foreign = await token({ room: v.parse(RoomIdSchema, 'other') });
    expect(await client.errorCode('join', watch())).toBe('token-missing');
    expect(await client.errorCode('join', watch('x.y.z'))).toBe('token-invalid');
    expect(await client.errorCode('join', watch(ended))).toBe('token-expired');
    expect(await client.errorCode('join', watch(foreign))).toBe('token-wrong-room');
    expect(await client.errorCode('join', watch('x'.repeat(2_049)))).toBe('bad-request');
    expect(await client.errorCode('publish', publish())).toBe('token-missing');
    expect(await client.errorCode('publish', publish(viewer))).toBe('token-wrong-role');
    expect([server.app.registry.roomCount, server.app.registry.sessionCount]).toEqual([0, 0]);
    // The same page succeeds with a valid token.
    await client.request('join', watch(viewer));
    await client.request('leave');
  });

  test('TOKEN-4 the server neither issues nor accepts a publisherSecret', async () => {
    const owner = await server.connect();
    const answer = await owner.request('publish', publish(await token({ role: 'publisher' })));
    expect(answer).not.toHaveProperty('publisherSecret');
    const publisherSecret = v.parse(SecretSchema, 'A'.repeat(43));
    const thief = await server.connect();
    expect(await thief.errorCode('publish', publish(undefined, { publisherSecret }))).toBe(
      'token-missing',
    );
    await owner.request('leave');
  });

  test('TOKEN-4 the newest claim with a publisher’s token wins, from any browser', async () => {
    const first = await goLive(await token({ role: 'publisher' }));
    const viewer = await server.connect();
    await viewer.request('join', watch(await token()));
    const second = await goLive(await token({ role: 'publisher', exp: Date.now() / 1_000 + 90 }));
    expect(second.epoch).toBe(first.epoch + 1);
    expect((await first.owner.waitForPush('superseded')).epoch).toBe(second.epoch);
    await second.owner.request('endBroadcast', { epoch: second.epoch });
    await viewer.request('leave');
  });

  test('TOKEN-3 an expired token ends no session, and the session resumes without one', async () => {
    const exp = Date.now() / 1_000 - 60;
    const { owner, epoch } = await goLive(await token({ role: 'publisher', exp }));
    const viewer = await server.connect();
    const { session } = await viewer.request('join', watch(await token({ exp })));
    const stale = await token({ exp: Date.now() / 1_000 - 7_200 });
    viewer.cut();
    const again = await server.connect();
    expect((await resume(again, session)).room.status).toBe('live');
    expect(await again.errorCode('requestKeyFrame')).toBeUndefined();
    // A page that joins again with an expired token is refused.
    expect(await (await server.connect()).errorCode('join', watch(stale))).toBe('token-expired');
    await owner.request('endBroadcast', { epoch });
  });

  test('TOKEN-2 a viewer can’t publish in its session', async () => {
    const client = await server.connect();
    const { transport } = await client.request('join', watch(await token({ role: 'viewer' })));
    expect(
      await client.errorCode('produce', {
        transportId: transport.id,
        kind: 'video',
        rtpParameters: chromium.simulcastVp8,
      }),
    ).toBe('not-allowed');
    await client.request('leave');
  });
});

test('TOKEN-1 without AUTH_SECRET the server ignores tokens, and the first publisher owns the room', async () => {
  await using server = await InProcessServer.start();
  const [owner, stranger] = await server.connectMany(2);
  const answer = await owner.request('publish', publish('nonsense'));
  expect(answer.publisherSecret).toHaveLength(43);
  expect(await stranger.errorCode('publish', publish(await token({ role: 'publisher' })))).toBe(
    'room-taken',
  );
});
