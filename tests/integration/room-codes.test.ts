import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { ownedNameOf } from '#backend/admission/room-owner.ts';
import { newSecret } from '#backend/admission/secrets.ts';
import { ResultSchema } from '#protocol/result.ts';
import {
  DEVICE_CODE_PATH,
  DeviceCodeGrantSchema,
  OwnershipGrantSchema,
  REDEEM_PATH,
} from '#protocol/room-codes.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { broadcast, claim, join } from '#testkit/signalling/requests.ts';

const logRecords: string[] = [];
const server = sharedServer({ env: { LOG_LEVEL: 'debug' }, logRecords });

const WRONG = '0'.repeat(16);

async function post(path: string, body: unknown, { url = server.url, headers = {} } = {}) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  expect(response.headers.get('cache-control')).toBe('no-store');
  return v.parse(ResultSchema, await response.json());
}

async function redeem(body: object) {
  const result = await post(REDEEM_PATH, body);
  return result.ok ? v.parse(OwnershipGrantSchema, result.value) : result.code;
}

async function codeFor(room: string, publisherSecret: string | undefined): Promise<string> {
  const result = await post(DEVICE_CODE_PATH, { room, publisherSecret });
  if (!result.ok) throw new Error(result.code);
  return v.parse(DeviceCodeGrantSchema, result.value).code;
}

/** A room that is live, with a viewer that stays. */
async function lecture() {
  const room = server.newRoom();
  const [publisher, viewer] = await server.connectMany(2);
  const { publisherSecret } = await broadcast(publisher, room);
  await join(viewer, room);
  if (publisherSecret === undefined) throw new Error('no secret');
  return { room, publisherSecret, publisher };
}

describe('ROOM-12 a code for another device', () => {
  it('makes it a publisher of the room, once, while viewers stay', async () => {
    const { room, publisherSecret, publisher } = await lecture();
    const code = await codeFor(room, publisherSecret);
    const grant = await redeem({ room, code });
    expect(grant).toMatchObject({ publisherSecret, ownershipProof: expect.any(String) });
    expect(await redeem({ room, code })).toBe('code-invalid');
    const other = await server.connect();
    await broadcast(other, room, publisherSecret);
    await publisher.waitForPush('superseded');
  });

  it('is of one room, and each new one replaces the one before', async () => {
    const { room, publisherSecret } = await lecture();
    const other = await lecture();
    const first = await codeFor(room, publisherSecret);
    expect(await redeem({ room: other.room, code: first })).toBe('code-invalid');
    const second = await codeFor(room, publisherSecret);
    expect(await redeem({ room, code: first })).toBe('code-invalid');
    expect(await redeem({ room, code: WRONG })).toBe('code-invalid');
    expect(await redeem({ room, code: second })).toMatchObject({ publisherSecret });
  });

  it('only the room’s publisher gets one', async () => {
    const { room } = await lecture();
    const result = await post(DEVICE_CODE_PATH, { room, publisherSecret: newSecret() });
    expect(result).toMatchObject({ code: 'room-taken' });
    const nowhere = { room: server.newRoom(), publisherSecret: newSecret() };
    expect(await post(DEVICE_CODE_PATH, nowhere)).toMatchObject({ code: 'room-unknown' });
  });

  it('bad requests are refused, and affect no code', async () => {
    const { room, publisherSecret } = await lecture();
    const code = await codeFor(room, publisherSecret);
    for (const body of ['', '{', '[]', 'null', '{"room":"x"}', { room }, { room, code: 1 }]) {
      expect(await post(REDEEM_PATH, body)).toMatchObject({ code: 'bad-request' });
    }
    for (const body of [
      { room, code: `${code}0` },
      { room, code, publisherSecret },
      { room, code: 'x'.repeat(5_000) },
    ]) {
      expect(await post(REDEEM_PATH, body)).toMatchObject({ code: 'bad-request' });
    }
    const foreign = { headers: { Origin: 'https://elsewhere.example' } };
    expect(await post(REDEEM_PATH, { room, code }, foreign)).toMatchObject({
      code: 'origin-refused',
    });
    expect(await redeem({ room, code })).toMatchObject({ publisherSecret });
  });

  it('neither code nor secret is in the log', async () => {
    const { room, publisherSecret } = await lecture();
    const code = await codeFor(room, publisherSecret);
    await redeem({ room, code: WRONG });
    await redeem({ room, code });
    await redeem({ room, publisherSecret });
    const text = logRecords.join('');
    expect(text).toContain('another browser got the ownership');
    expect(text).not.toContain(code);
    expect(text).not.toContain(publisherSecret);
  });
});

describe('ROOM-13 a recovery code, which is the room’s secret', () => {
  it('is confirmed while the room belongs to it', async () => {
    const { room, publisherSecret } = await lecture();
    expect(await redeem({ room, publisherSecret })).toMatchObject({ publisherSecret });
    expect(await redeem({ room, publisherSecret: newSecret() })).toBe('code-invalid');
  });

  it('ROOM-11 a secret that somebody has chosen is never the secret of a room', async () => {
    const chosen = newSecret();
    const free = server.newRoom();
    expect(await redeem({ room: free, publisherSecret: chosen })).toBe('room-unknown');
    // Nor of a room in which viewers wait.
    await join(await server.connect(), free);
    expect(await redeem({ room: free, publisherSecret: chosen })).toBe('room-unknown');
    // It has not become the room's.
    const claimed = await claim(await server.connect(), free);
    expect(claimed.publisherSecret).not.toBe(chosen);
    expect(await redeem({ room: ownedNameOf(newSecret()), publisherSecret: chosen })).toBe(
      'code-invalid',
    );
  });

  it('ROOM-10 of a name that contains its hash is good on a server that does not know the room', async () => {
    const publisherSecret = newSecret();
    const room = ownedNameOf(publisherSecret);
    expect(await redeem({ room, publisherSecret })).toEqual({ publisherSecret });
    expect(await redeem({ room, code: WRONG })).toBe('code-invalid');
    expect(await redeem({ room: room.toUpperCase(), publisherSecret })).toEqual({
      publisherSecret,
    });
  });
});

describe('ROOM-12 limits', () => {
  it('an attempt costs an address as much as a session', async () => {
    await using strict = await InProcessServer.start({ limits: { connectsPerAddressMax: 5 } });
    const body = { room: 'lecture', code: WRONG };
    const codes: (string | undefined)[] = [];
    for (let i = 0; i < 7; i += 1) {
      const result = await post(REDEEM_PATH, body, { url: strict.url });
      codes.push(result.ok ? undefined : result.code);
    }
    expect(codes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'room-unknown'));
    expect(codes.at(-1)).toBe('too-many');
  });

  it('where tokens decide there are no codes', async () => {
    const AUTH_SECRET = 'only for this test, and long enough to sign with';
    await using byToken = await InProcessServer.start({ env: { AUTH_SECRET } });
    const room = 'lecture';
    for (const [path, body] of [
      [DEVICE_CODE_PATH, { room, publisherSecret: newSecret() }],
      [REDEEM_PATH, { room, code: WRONG }],
      [REDEEM_PATH, { room, publisherSecret: newSecret() }],
    ] as const) {
      expect(await post(path, body, { url: byToken.url })).toMatchObject({ code: 'not-allowed' });
    }
  });
});
