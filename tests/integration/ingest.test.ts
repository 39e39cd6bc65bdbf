import { createSecretKey } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import * as v from 'valibot';
import { signToken } from '#backend/admission/tokens.ts';
import { RoomIdSchema, type Secret } from '#protocol/ids.ts';
import type { IngestResult } from '#protocol/signalling.ts';
import { newSecret } from '#backend/admission/secrets.ts';
import { tapServerChannel } from '#testkit/server/channel-tap.ts';
import { broadcast, claim, join, PROTOCOL, produceVideo } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const server = sharedServer();
const newRoom = () => server.newRoom();

const box = { type: 'box', x: 0.1, y: 0.2, width: 0.3, height: 0.4 };
const unkeyed = (more: object = {}) => ({ kind: 'shapes', topic: 'boxes', shapes: [box], ...more });
const keyed = (key: string, value: unknown, more: object = {}) => ({
  kind: 'data',
  topic: 'match',
  key,
  data: value,
  ...more,
});

interface Posted {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Partial<IngestResult> & { readonly code?: string };
}

async function post(
  room: string,
  body: string | Buffer,
  {
    bearer,
    type = 'application/json',
    on = server,
    headers = {},
  }: {
    bearer?: string | undefined;
    type?: string;
    on?: InProcessServer;
    headers?: Record<string, string>;
  } = {},
): Promise<Posted> {
  const response = await fetch(`${on.url}/api/rooms/${room}/overlay`, {
    method: 'POST',
    headers: {
      'Content-Type': type,
      ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Posted['body'],
  };
}

const postOne = (room: string, bearer: string | undefined, message: unknown) =>
  post(room, JSON.stringify(message), { bearer });
const postLines = (room: string, bearer: string | undefined, messages: readonly unknown[]) =>
  post(room, messages.map((message) => JSON.stringify(message)).join('\n'), {
    bearer,
    type: 'application/x-ndjson',
  });

/** A live room and its publisherSecret. */
async function liveRoom(): Promise<{ room: string; bearer: Secret | undefined }> {
  const room = newRoom();
  const { publisherSecret } = await broadcast(await server.connect(), room);
  return { room, bearer: publisherSecret };
}

describe('INGEST-1 messages of a program, over HTTP', () => {
  it('the server numbers and times a message, rebuilds it and forwards it at once', async () => {
    const { room, bearer } = await liveRoom();
    const viewer = await server.connect();
    await join(viewer, room);
    expect((await postOne(room, bearer, unkeyed())).body).toEqual({ accepted: 1, refused: [] });
    const { media, overlay } = await viewer.waitForPush('broadcastChanged', (push) =>
      push.media.data.some(({ channel }) => channel === 'ingest'),
    );
    expect(overlay?.ingest).toMatchObject([{ topic: 'boxes', seq: 1, shapes: [box] }]);
    const channel = media.data.find((each) => each.channel === 'ingest');
    expect(channel?.sctpStreamParameters).toMatchObject({ ordered: false, maxPacketLifeTime: 500 });

    const messages = await tapServerChannel(server, room, 'ingest');
    const before = Date.now();
    await postOne(room, bearer, unkeyed({ ttlMs: 500 }));
    const times = { capturedAt: before - 5, frame: { capturedAt: before - 5 } };
    await postOne(room, bearer, unkeyed(times));
    await waitUntil('both arrive', () => messages.length === 2);
    expect(messages).toEqual([
      { ...unkeyed({ ttlMs: 500 }), seq: 2, capturedAt: expect.any(Number) },
      { ...unkeyed(times), seq: 3 },
    ]);
    expect((messages[0] as { capturedAt: number }).capturedAt).toBeGreaterThanOrEqual(before);
  });

  it('the server accepts the good lines of a batch and reports which others are wrong and why', async () => {
    const { room, bearer } = await liveRoom();
    const text = [
      JSON.stringify(unkeyed()),
      '',
      'not json',
      JSON.stringify(keyed('home', 1)),
      JSON.stringify(unkeyed({ topc: 'boxes' })),
      JSON.stringify(keyed('away', 'x'.repeat(17_000))),
      '[1]',
    ].join('\r\n');
    const { status, body } = await post(room, text, { bearer, type: 'application/x-ndjson' });
    expect(status).toBe(200);
    expect(body).toEqual({
      accepted: 2,
      refused: [
        { line: 2, code: 'bad-request', message: expect.stringContaining('JSON') },
        { line: 4, code: 'bad-request', message: expect.stringContaining('topc') },
        { line: 5, code: 'message-too-large', message: expect.any(String) },
        { line: 6, code: 'bad-request', message: expect.stringContaining('one JSON object') },
      ],
    });
  });

  it('keyed messages need no broadcast and outlive one, and `null` deletes a key', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { publisherSecret, transport, epoch } = await claim(owner, room);
    expect((await postOne(room, publisherSecret, keyed('home', 1))).status).toBe(200);
    expect((await postOne(room, publisherSecret, keyed('away', 1))).status).toBe(200);
    await produceVideo(owner, transport.id);
    await owner.request('endBroadcast', { epoch });
    await postOne(room, publisherSecret, keyed('away', null));
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.state.entries).toEqual([
      { ...keyed('home', 1), capturedAt: expect.any(Number), from: 'ingest' },
    ]);
  });

  it('while nothing is live the server accepts keyed messages only', async () => {
    const room = newRoom();
    const { publisherSecret } = await claim(await server.connect(), room);
    expect(await postOne(room, publisherSecret, unkeyed())).toMatchObject({
      status: 409,
      body: { accepted: 0, refused: [{ line: 1, code: 'not-live' }] },
    });
  });
});

describe('INGEST-2 authority and refusals', () => {
  it('a program needs the publisher’s authority, and the server does not read a stranger’s body', async () => {
    const { room, bearer } = await liveRoom();
    const other = await liveRoom();
    const large = 'x'.repeat(1_000_000);
    const nobody = await post(room, large);
    expect([nobody.status, nobody.body.code]).toEqual([401, 'authority-missing']);
    expect(nobody.headers.get('www-authenticate')).toContain('Bearer');
    for (const wrong of [newSecret(), other.bearer, 'short', `${bearer}x`]) {
      const { status, body } = await post(room, large, { bearer: wrong });
      expect([status, body.code]).toEqual([403, 'room-taken']);
    }
    const rooms = await server.metric('onecast_rooms{status="open"}');
    for (const unknown of ['no-such-room', 'a', '..%2fmain']) {
      const { status, body } = await postOne(unknown, bearer, unkeyed());
      expect([unknown, status, body.code]).toEqual([unknown, 404, 'room-unknown']);
    }
    expect(await server.metric('onecast_rooms{status="open"}')).toBe(rooms);
    // A room that only a viewer has opened has no secret yet.
    await join(await server.connect(), 'only-viewers');
    expect((await postOne('only-viewers', bearer, unkeyed())).body.code).toBe('room-unknown');
  });

  it('the server refuses other types, encodings and methods, and bodies that are too large', async () => {
    const { room, bearer } = await liveRoom();
    const text = JSON.stringify(unkeyed());
    expect((await post(room, text, { bearer, type: 'text/plain' })).status).toBe(415);
    expect(
      (await post(room, text, { bearer, headers: { 'Content-Encoding': 'gzip' } })).status,
    ).toBe(415);
    const tooLarge = await post(room, 'x'.repeat(64 * 1024 + 1), { bearer });
    expect([tooLarge.status, tooLarge.body.code]).toEqual([413, 'message-too-large']);
    expect((await post(room, '', { bearer })).body.code).toBe('bad-request');
    expect((await post(room, '\n\n', { bearer, type: 'application/x-ndjson' })).status).toBe(400);
    expect(
      (await post(room, text, { bearer, type: 'application/json; charset=utf-8' })).status,
    ).toBe(200);
    const got = await fetch(`${server.url}/api/rooms/${room}/overlay`);
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
    // A page of another origin can't read an answer: its preflight is not allowed.
    const preflight = await fetch(`${server.url}/api/rooms/${room}/overlay`, {
      method: 'OPTIONS',
      headers: { Origin: 'http://elsewhere.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect(
      [...preflight.headers.keys()].filter((name) => name.startsWith('access-control')),
    ).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['a number', 7],
    ['a string', 'boxes'],
    ['an empty object', {}],
    ['a seq of its own', unkeyed({ seq: 5 })],
    ['a key and ttlMs', keyed('home', 1, { ttlMs: 1_000 })],
    ['an invalid key', keyed('a b', 1)],
    ['null without a key', unkeyed({ shapes: null })],
    ['a shape outside the frame', unkeyed({ shapes: [{ ...box, x: 5 }] })],
    ['an invalid colour', unkeyed({ shapes: [{ ...box, color: 'url(x)' }] })],
    ['too many shapes', unkeyed({ shapes: Array.from({ length: 201 }, () => box) })],
    ['an invalid time', unkeyed({ capturedAt: 'now' })],
    ['a frame without a name', unkeyed({ frame: {} })],
    ['data that is too deep', keyed('deep', JSON.parse('['.repeat(40) + ']'.repeat(40)))],
  ])('the server refuses a message: %s', async (_what, message) => {
    const { room, bearer } = await liveRoom();
    const { status, body } = await postOne(room, bearer, message);
    expect([status, body.accepted, body.refused?.[0]?.code]).toEqual([400, 0, 'bad-request']);
  });

  it('the server survives nesting as deep as a request can hold', async () => {
    const { room, bearer } = await liveRoom();
    for (const text of [
      '['.repeat(60_000),
      `{"data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    ]) {
      expect((await post(room, text, { bearer })).status).toBe(400);
    }
    expect((await postOne(room, bearer, unkeyed())).status).toBe(200);
  });

  it('the server does not forward fields that it does not know', async () => {
    const { room, bearer } = await liveRoom();
    const text = `{"kind":"data","topic":"match","key":"k","data":{"__proto__":{"a":1}},"__proto__":{"x":1}}`;
    await post(room, text, { bearer });
    const { overlay } = await join(await server.connect(), room);
    for (const entry of overlay.state.entries) {
      expect(Object.keys(entry).sort()).toEqual([
        'capturedAt',
        'data',
        'from',
        'key',
        'kind',
        'topic',
      ]);
    }
  });
});

describe('INGEST-6 the times of a program', () => {
  const hour = 3_600_000;
  const now = Date.now();
  const framed = (capturedAt: number) => unkeyed({ frame: { capturedAt } });

  test.each<[string, unknown, string, string]>([
    ['seconds', framed(now / 1_000), 'bad-request', 'in milliseconds since 1970'],
    ['microseconds', framed(now * 1_000), 'bad-request', 'in milliseconds since 1970'],
    ['1e300', unkeyed({ capturedAt: 1e300 }), 'bad-request', 'in milliseconds since 1970'],
    ['-1', unkeyed({ capturedAt: -1 }), 'bad-request', 'in milliseconds since 1970'],
    [
      'seconds in a state',
      keyed('home', 1, { capturedAt: now / 1_000 }),
      'bad-request',
      'in milliseconds since 1970',
    ],
    ['an hour ahead', framed(now + hour), 'clock-off', 'minutes ahead of the server’s clock'],
    ['an hour behind', framed(now - hour), 'clock-off', 'minutes behind the server’s clock'],
    [
      'a state of next week',
      keyed('home', 1, { capturedAt: now + 168 * hour }),
      'clock-off',
      '7 days ahead of the server’s clock',
    ],
  ])('the server refuses a message and says why: %s', async (_what, message, code, sentence) => {
    const { room, bearer } = await liveRoom();
    const refusal = { line: 1, code, message: expect.stringContaining(sentence) };
    expect(await postOne(room, bearer, message)).toMatchObject({
      status: 400,
      body: { accepted: 0, refused: [refusal] },
    });
    const program = await server.connect();
    await program.request('attachIngest', { ...PROTOCOL, room, bearer: String(bearer) });
    expect(await program.request('ingest', { messages: [message, unkeyed()] })).toEqual({
      accepted: 1,
      refused: [refusal],
    });
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.state.entries).toEqual([]);
    expect(overlay.ingest).toMatchObject([{ seq: 1 }]);
  });

  it('a program may share the wrong clock of the publisher’s page', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { publisherSecret: bearer, transport } = await owner.request('publish', {
      ...PROTOCOL,
      room,
      clock: now - 5 * hour,
    });
    await produceVideo(owner, transport.id);
    expect((await postOne(room, bearer, framed(Date.now() - 5 * hour))).status).toBe(200);
    expect((await postOne(room, bearer, framed(Date.now()))).status).toBe(200);
    expect((await postOne(room, bearer, framed(Date.now() - 2 * hour))).status).toBe(400);
  });

  it('the page’s own state is refused too where it names another unit', async () => {
    const owner = await server.connect();
    await broadcast(owner, newRoom());
    for (const capturedAt of [now / 1_000, -1, 1e300]) {
      const messages = [keyed('home', 1, { capturedAt })];
      expect(await owner.errorCode('setState', { messages })).toBe('bad-request');
    }
  });
});

describe('INGEST-3 the rate of a room', () => {
  it('the server refuses a whole batch beyond the rate and says when to try again', async () => {
    const { room, bearer } = await liveRoom();
    const batch = Array.from({ length: 120 }, (_, i) => unkeyed({ topic: `t${i % 8}` }));
    const answers = await Promise.all([1, 2, 3].map(() => postLines(room, bearer, batch)));
    expect(answers.map(({ body }) => body.accepted)).toContain(120);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body.code).toBe('too-many');
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    // Each room has its own rate.
    const other = await liveRoom();
    expect((await postOne(other.room, other.bearer, unkeyed())).status).toBe(200);
    expect((await postLines(room, bearer, [...batch, unkeyed()])).body.code).toBe('too-many');
  });

  it('the server survives a flood of requests and keeps a bounded number of messages', async () => {
    const { room, bearer } = await liveRoom();
    const statuses = new Map<number, number>();
    for (let round = 0; round < 20; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 40 }, () => postOne(room, bearer, unkeyed({ topic: `t${round}` }))),
      );
      for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(new Set(statuses.keys())).toEqual(new Set([200, 429]));
    // The server keeps a bounded number of messages for viewers that join later.
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.ingest.length).toBeLessThanOrEqual(16);
  });
});

describe('INGEST-4 messages of a program, over a socket', () => {
  it('a program attaches with its authority, then sends messages and can do nothing else', async () => {
    const { room, bearer } = await liveRoom();
    const program = await server.connect();
    expect(await program.errorCode('ingest', { messages: [unkeyed()] })).toBe('not-allowed');
    expect(
      await program.errorCode('attachIngest', { ...PROTOCOL, room, bearer: newSecret() }),
    ).toBe('room-taken');
    expect(
      await program.errorCode('attachIngest', { ...PROTOCOL, room: 'no-such-room', bearer }),
    ).toBe('room-unknown');
    expect(
      await program.errorCode('attachIngest', { ...PROTOCOL, protocol: 99, room, bearer }),
    ).toBe('protocol-mismatch');
    expect(await program.request('attachIngest', { ...PROTOCOL, room, bearer })).toMatchObject({
      roomId: room,
      status: 'live',
    });
    expect(
      await program.request('ingest', { messages: [unkeyed(), keyed('home', 1), {}] }),
    ).toEqual({
      accepted: 2,
      refused: [{ line: 3, code: 'bad-request', message: expect.any(String) }],
    });
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.ingest).toMatchObject([{ topic: 'boxes', seq: 1 }]);
    expect(overlay.state.entries).toMatchObject([{ key: 'home', from: 'ingest' }]);
    const batch = Array.from({ length: 120 }, () => unkeyed());
    // In parallel: on a busy machine, sequential requests might be slow enough for the rate.
    const codes = await Promise.all(
      [1, 2, 3].map(() => program.errorCode('ingest', { messages: batch })),
    );
    expect(codes).toContain('too-many');
    // The program is neither publisher nor viewer.
    for (const name of ['setState', 'stateSnapshot', 'endBroadcast', 'leave'] as const) {
      expect(await program.errorCode(name, { messages: [], epoch: 1 })).not.toBeUndefined();
    }
  });
});

describe('INGEST-2 ingest with AUTH_SECRET', () => {
  it('the server accepts a publisher’s token for the room and nothing else', async () => {
    const AUTH_SECRET = 'only for these tests, and long enough to sign with';
    const key = createSecretKey(Buffer.from(AUTH_SECRET));
    const room = v.parse(RoomIdSchema, 'demo');
    const exp = Date.now() / 1_000 + 60;
    const publisher = await signToken(key, { room, role: 'publisher', exp });
    const viewer = await signToken(key, { room, role: 'viewer', exp });
    const foreign = await signToken(key, {
      room: v.parse(RoomIdSchema, 'other'),
      role: 'publisher',
      exp,
    });
    await using own = await InProcessServer.start({ env: { AUTH_SECRET } });
    const owner = await own.connect();
    const claimed = await owner.request('publish', { ...PROTOCOL, room, token: publisher });
    await produceVideo(owner, claimed.transport.id);
    const message = JSON.stringify(unkeyed());
    const attempt = async (bearer?: string) => {
      const { status, body } = await post(room, message, { bearer, on: own });
      return [status, body.code];
    };
    expect(await attempt()).toEqual([401, 'authority-missing']);
    expect(await attempt(newSecret())).toEqual([401, 'token-invalid']);
    expect(await attempt(viewer)).toEqual([403, 'token-wrong-role']);
    expect(await attempt(foreign)).toEqual([403, 'token-wrong-room']);
    expect(await attempt(publisher)).toEqual([200, undefined]);
    const program = await own.connect();
    expect(
      await program.errorCode('attachIngest', { ...PROTOCOL, room, bearer: publisher }),
    ).toBeUndefined();
  });
});
