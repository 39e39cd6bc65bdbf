import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import * as v from 'valibot';
import { signToken } from '#backend/admission/tokens.ts';
import { RoomIdSchema, type Secret } from '#protocol/ids.ts';
import type { IngestResult } from '#protocol/signalling.ts';
import { newSecret } from '#backend/admission/secrets.ts';
import { tapServerChannel } from '#testkit/server/channel-tap.ts';
import { broadcast, claim, join, PROTOCOL, produceVideo } from '#testkit/signalling/requests.ts';
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

const box = { type: 'box', x: 0.1, y: 0.2, width: 0.3, height: 0.4 };
const live = (more: object = {}) => ({ kind: 'shapes', topic: 'boxes', shapes: [box], ...more });
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

const one = (room: string, bearer: string | undefined, message: unknown) =>
  post(room, JSON.stringify(message), { bearer });
const lines = (room: string, bearer: string | undefined, messages: readonly unknown[]) =>
  post(room, messages.map((message) => JSON.stringify(message)).join('\n'), {
    bearer,
    type: 'application/x-ndjson',
  });

/** A room on air, and what makes a program its publisher's. */
async function onAir(): Promise<{ room: string; bearer: Secret | undefined }> {
  const room = newRoom();
  const { publisherSecret } = await broadcast(await server.connect(), room);
  return { room, bearer: publisherSecret };
}

describe('INGEST-1 messages from outside the browser, over HTTP', () => {
  it('one message: numbered, timed and rebuilt by the server, and sent on at once', async () => {
    const { room, bearer } = await onAir();
    const viewer = await server.connect();
    await join(viewer, room);
    expect((await one(room, bearer, live())).body).toEqual({ accepted: 1, refused: [] });
    const { media, overlay } = await viewer.waitForPush('broadcastChanged', (push) =>
      push.media.data.some(({ channel }) => channel === 'ingest'),
    );
    expect(overlay?.ingest).toMatchObject([{ topic: 'boxes', seq: 1, shapes: [box] }]);
    const channel = media.data.find((each) => each.channel === 'ingest');
    expect(channel?.sctpStreamParameters).toMatchObject({ ordered: false, maxPacketLifeTime: 500 });

    const heard = await tapServerChannel(server, room, 'ingest');
    const before = Date.now();
    await one(room, bearer, live({ ttlMs: 500 }));
    await one(room, bearer, live({ capturedAt: 5, frame: { capturedAt: 5 } }));
    await waitUntil('both are heard', () => heard.length === 2);
    expect(heard).toEqual([
      { ...live({ ttlMs: 500 }), seq: 2, capturedAt: expect.any(Number) },
      { ...live({ capturedAt: 5, frame: { capturedAt: 5 } }), seq: 3 },
    ]);
    expect((heard[0] as { capturedAt: number }).capturedAt).toBeGreaterThanOrEqual(before);
  });

  it('a batch of lines: what is good is taken, of the rest is told which and why', async () => {
    const { room, bearer } = await onAir();
    const text = [
      JSON.stringify(live()),
      '',
      'not json',
      JSON.stringify(keyed('home', 1)),
      JSON.stringify(live({ topc: 'boxes' })),
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

  it('keys are kept with nothing on air and over broadcasts; `null` deletes', async () => {
    const room = newRoom();
    const owner = await server.connect();
    const { publisherSecret, transport, epoch } = await claim(owner, room);
    expect((await one(room, publisherSecret, keyed('home', 1))).status).toBe(200);
    expect((await one(room, publisherSecret, keyed('away', 1))).status).toBe(200);
    await produceVideo(owner, transport.id);
    await owner.request('endBroadcast', { epoch });
    await one(room, publisherSecret, keyed('away', null));
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.state.entries).toEqual([
      { ...keyed('home', 1), capturedAt: expect.any(Number), from: 'ingest' },
    ]);
  });

  it('with nothing on air only keys are taken', async () => {
    const room = newRoom();
    const { publisherSecret } = await claim(await server.connect(), room);
    expect(await one(room, publisherSecret, live())).toMatchObject({
      status: 409,
      body: { accepted: 0, refused: [{ line: 1, code: 'not-live' }] },
    });
  });
});

describe('INGEST-2 who may, and what is refused', () => {
  it('needs the authority of the room’s publisher; a stranger’s body is not read', async () => {
    const { room, bearer } = await onAir();
    const other = await onAir();
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
      const { status, body } = await one(unknown, bearer, live());
      expect([unknown, status, body.code]).toEqual([unknown, 404, 'room-unknown']);
    }
    expect(await server.metric('onecast_rooms{status="open"}')).toBe(rooms);
    // In a room that only a viewer has opened nobody has a secret yet.
    await join(await server.connect(), 'only-viewers');
    expect((await one('only-viewers', bearer, live())).body.code).toBe('room-unknown');
  });

  it('type, size, coding and method', async () => {
    const { room, bearer } = await onAir();
    const text = JSON.stringify(live());
    const given = { bearer };
    expect((await post(room, text, { ...given, type: 'text/plain' })).status).toBe(415);
    expect(
      (await post(room, text, { ...given, headers: { 'Content-Encoding': 'gzip' } })).status,
    ).toBe(415);
    const tooLarge = await post(room, 'x'.repeat(64 * 1024 + 1), given);
    expect([tooLarge.status, tooLarge.body.code]).toEqual([413, 'message-too-large']);
    expect((await post(room, '', given)).body.code).toBe('bad-request');
    expect((await post(room, '\n\n', { ...given, type: 'application/x-ndjson' })).status).toBe(400);
    expect(
      (await post(room, text, { ...given, type: 'application/json; charset=utf-8' })).status,
    ).toBe(200);
    const got = await fetch(`${server.url}/api/rooms/${room}/overlay`);
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
    // No page of another origin can read an answer, or ask first.
    const asked = await fetch(`${server.url}/api/rooms/${room}/overlay`, {
      method: 'OPTIONS',
      headers: { Origin: 'http://elsewhere.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect([...asked.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual(
      [],
    );
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['a number', 7],
    ['a text', 'boxes'],
    ['an empty object', {}],
    ['a seq of its own', live({ seq: 5 })],
    ['a key and ttlMs', keyed('home', 1, { ttlMs: 1_000 })],
    ['a key that is none', keyed('a b', 1)],
    ['null without a key', live({ shapes: null })],
    ['a shape outside the picture', live({ shapes: [{ ...box, x: 5 }] })],
    ['a colour that is none', live({ shapes: [{ ...box, color: 'url(x)' }] })],
    ['too many shapes', live({ shapes: Array.from({ length: 201 }, () => box) })],
    ['no time', live({ capturedAt: 'now' })],
    ['a frame without a name', live({ frame: {} })],
    ['data that is too deep', keyed('deep', JSON.parse('['.repeat(40) + ']'.repeat(40)))],
  ])('%s', async (_what, message) => {
    const { room, bearer } = await onAir();
    const { status, body } = await one(room, bearer, message);
    expect([status, body.accepted, body.refused?.[0]?.code]).toEqual([400, 0, 'bad-request']);
  });

  it('nesting as deep as a request can hold', async () => {
    const { room, bearer } = await onAir();
    for (const text of [
      '['.repeat(60_000),
      `{"data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    ]) {
      expect((await post(room, text, { bearer })).status).toBe(400);
    }
    expect((await one(room, bearer, live())).status).toBe(200);
  });

  it('what is not known of the message does not go on', async () => {
    const { room, bearer } = await onAir();
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

describe('INGEST-3 as fast as agreed, and no faster', () => {
  it('beyond the rate a batch is refused whole, and told when to come again', async () => {
    const { room, bearer } = await onAir();
    const batch = Array.from({ length: 120 }, (_, i) => live({ topic: `t${i % 8}` }));
    const answers = await Promise.all([1, 2, 3].map(() => lines(room, bearer, batch)));
    expect(answers.map(({ body }) => body.accepted)).toContain(120);
    const busy = answers.find(({ status }) => status === 429);
    expect(busy?.body.code).toBe('too-many');
    expect(Number(busy?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    // Another room has a rate of its own.
    const other = await onAir();
    expect((await one(other.room, other.bearer, live())).status).toBe(200);
    expect((await lines(room, bearer, [...batch, live()])).body.code).toBe('too-many');
  });

  it('a flood of requests leaves the server and the others as they were', async () => {
    const { room, bearer } = await onAir();
    const statuses = new Map<number, number>();
    for (let round = 0; round < 20; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 40 }, () => one(room, bearer, live({ topic: `t${round}` }))),
      );
      for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(new Set(statuses.keys())).toEqual(new Set([200, 429]));
    // What is kept for those who come stays bounded.
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.ingest.length).toBeLessThanOrEqual(16);
  });
});

describe('INGEST-4 the same over a socket', () => {
  it('a program attaches with its authority, then feeds', async () => {
    const { room, bearer } = await onAir();
    const program = await server.connect();
    expect(await program.errorCode('ingest', { messages: [live()] })).toBe('not-allowed');
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
    expect(await program.request('ingest', { messages: [live(), keyed('home', 1), {}] })).toEqual({
      accepted: 2,
      refused: [{ line: 3, code: 'bad-request', message: expect.any(String) }],
    });
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.ingest).toMatchObject([{ topic: 'boxes', seq: 1 }]);
    expect(overlay.state.entries).toMatchObject([{ key: 'home', from: 'ingest' }]);
    const batch = Array.from({ length: 120 }, () => live());
    // Together: one after another, a busy machine might give the rate its time.
    const codes = await Promise.all(
      [1, 2, 3].map(() => program.errorCode('ingest', { messages: batch })),
    );
    expect(codes).toContain('too-many');
    // It is neither publisher nor viewer.
    for (const name of ['setState', 'stateSnapshot', 'endBroadcast', 'leave'] as const) {
      expect(await program.errorCode(name, { messages: [], epoch: 1 })).not.toBeUndefined();
    }
  });
});

describe('INGEST-2 where tokens are asked for', () => {
  it('a publisher’s token for the room does, nothing else', async () => {
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
    const own = await InProcessServer.start({ env: { AUTH_SECRET } });
    try {
      const owner = await own.connect();
      const told = await owner.request('publish', { ...PROTOCOL, room, token: publisher });
      await produceVideo(owner, told.transport.id);
      const message = JSON.stringify(live());
      const asked = async (bearer?: string) => {
        const { status, body } = await post(room, message, { bearer, on: own });
        return [status, body.code];
      };
      expect(await asked()).toEqual([401, 'authority-missing']);
      expect(await asked(newSecret())).toEqual([401, 'token-invalid']);
      expect(await asked(viewer)).toEqual([403, 'token-wrong-role']);
      expect(await asked(foreign)).toEqual([403, 'token-wrong-room']);
      expect(await asked(publisher)).toEqual([200, undefined]);
      const program = await own.connect();
      expect(
        await program.errorCode('attachIngest', { ...PROTOCOL, room, bearer: publisher }),
      ).toBeUndefined();
    } finally {
      await own[Symbol.asyncDispose]();
    }
  });
});
