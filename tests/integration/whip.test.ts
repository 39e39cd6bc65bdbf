import { createSecretKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import * as sdpTransform from 'sdp-transform';
import { describe, expect, it, test } from 'vitest';
import * as v from 'valibot';
import { newSecret } from '#backend/admission/secrets.ts';
import { signToken } from '#backend/admission/tokens.ts';
import type { Publisher } from '#backend/rooms/publisher.ts';
import { RoomIdSchema } from '#protocol/ids.ts';
import { ObsEncoder } from '#testkit/media/obs-encoder.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { broadcast, join } from '#testkit/signalling/requests.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const FOLDER = joinPath(import.meta.dirname, '../corpus/whip-offers');
const offerOf = (name: string) =>
  readFileSync(joinPath(FOLDER, `${name}.sdp`), 'utf8').replaceAll('\n', '\r\n');
const OBS = offerOf('obs-30');

const server = sharedServer();

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly room?: string;
  readonly bearer?: string | undefined;
  readonly type?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | null;
  readonly on?: InProcessServer;
}

/** Posts OBS’s offer to a new room by default. */
async function send(sent: Sent = {}) {
  const { method = 'POST', bearer = newSecret(), type = 'application/sdp', on = server } = sent;
  const { room = server.newRoom(), path = `/whip/${room}`, headers, body = OBS } = sent;
  const response = await fetch(new URL(path, on.url), {
    method,
    headers: {
      ...('bearer' in sent && sent.bearer === undefined
        ? {}
        : { Authorization: `Bearer ${bearer}` }),
      ...(body !== null && { 'Content-Type': type }),
      ...headers,
    },
    body,
  });
  const text = await response.text();
  const json = () => JSON.parse(text) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, text, json, room, bearer };
}

/** A published session, and requests to it. */
async function published(on = server) {
  const { headers, room, bearer } = await send({ on });
  const path = headers.get('location') ?? '';
  const ask = (method: string, more: Sent = {}) =>
    send({ method, path, bearer, body: null, on, ...more });
  return { room, bearer, path, etag: headers.get('etag') ?? '', ask };
}

function publisherOf(room: string, on = server): Publisher {
  const members = [...on.app.registry.members()];
  const found = members.findLast(
    (member) => member.role === 'publisher' && member.room.id === room,
  );
  if (found?.role !== 'publisher') throw new Error('there is no publisher');
  return found;
}

describe('WHIP-1 an encoder publishes with one request', () => {
  const CODECS: Record<string, { video: string; layers?: string[] }> = {
    aiortc: { video: 'VP8' },
    'chrome-simulcast': { video: 'VP8', layers: ['q', 'h', 'f'] },
    'ffmpeg-8': { video: 'H264' },
    firefox: { video: 'VP8' },
    'gstreamer-whipclientsink': { video: 'VP8' },
    larix: { video: 'H264' },
    'obs-30': { video: 'H264' },
    'obs-31-av1': { video: 'AV1' },
    // OBS lists the highest layer first.
    'obs-32-simulcast': { video: 'H264', layers: ['3', '2', '1', '0'] },
    safari: { video: 'H264' },
  };

  it('every stored offer has an expectation', () => {
    const stored = readdirSync(FOLDER).filter((name) => name.endsWith('.sdp'));
    expect(stored.map((name) => name.slice(0, -4))).toEqual(Object.keys(CODECS).toSorted());
  });

  it.each(Object.entries(CODECS))('%s', async (name, { video, layers }) => {
    const offer = offerOf(name);
    const userAgent = name.startsWith('obs') ? 'Mozilla/5.0 (OBS-Studio/32.2.2; Linux)' : 'test';
    const { status, headers, text, room } = await send({
      body: offer,
      headers: { 'User-Agent': userAgent },
    });
    expect(text).toContain('v=0');
    expect(status).toBe(201);
    expect(headers.get('content-type')).toBe('application/sdp');
    expect(headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
    expect(headers.get('location')).toMatch(new RegExp(`^/whip/${room}/[A-Za-z0-9_-]{43}$`));

    const offered = sdpTransform.parse(offer);
    const answer = sdpTransform.parse(text);
    expect(headers.get('etag')).toBe(`"${answer.media[0]?.iceUfrag}"`);
    expect(answer.icelite).toBe('ice-lite');
    expect(answer.fingerprint?.type).toBe('sha-256');
    expect(answer.media.map(({ type, mid }) => [type, String(mid)])).toEqual(
      offered.media.map(({ type, mid }) => [type, String(mid)]),
    );
    const setup = offered.media[0]?.setup === 'passive' ? 'active' : 'passive';
    for (const media of answer.media) {
      expect(media).toMatchObject({ direction: 'recvonly', setup });
      expect(media.candidates?.length).toBeGreaterThan(0);
      const wanted = media.type === 'video' ? video : /opus/i;
      expect(media.rtp[0]?.codec).toMatch(wanted);
    }
    const simulcast = answer.media.find(({ type }) => type === 'video')?.simulcast;
    expect(simulcast?.dir1).toBe(layers ? 'recv' : undefined);

    const { producers } = publisherOf(room).broadcast!;
    expect(producers).toHaveLength(offered.media.length);
    const { rtpParameters } = producers.find(({ kind }) => kind === 'video')!;
    expect(rtpParameters.codecs[0]?.mimeType).toBe(`video/${video}`);
    const rids = rtpParameters.encodings?.map(({ rid }) => rid);
    expect(rids).toEqual(layers ?? [undefined]);
    expect(server.app.registry.existingRoom(v.parse(RoomIdSchema, room)).view().status).toBe(
      'live',
    );
  });

  it('a layer’s width in the offer decides, whatever the order', async () => {
    const body = offerOf('obs-32-simulcast')
      .replace('a=rid:0 send', 'a=rid:0 send max-width=640')
      .replace('a=rid:1 send', 'a=rid:1 send max-width=1920')
      .replace('a=rid:2 send', 'a=rid:2 send pt=96;max-width=320')
      .replace('a=rid:3 send', 'a=rid:3 send max-width=1280');
    const { room } = await send({ body });
    const [, video] = publisherOf(room).broadcast!.producers;
    expect(video?.rtpParameters.encodings?.map(({ rid }) => rid)).toEqual(['2', '0', '3', '1']);
  });

  it('a slash at the end, a query and capitals in the room’s name change nothing', async () => {
    const room = server.newRoom();
    const path = `/whip/${room.toUpperCase()}/?x=1`;
    const { status, headers } = await send({ path });
    expect(status).toBe(201);
    expect(headers.get('location')?.startsWith(`/whip/${room}/`)).toBe(true);
  });
});

describe('WHIP-2 a refusal has a status, a stable code and a sentence', () => {
  const video = (sdp: string) => sdp.slice(sdp.indexOf('m=video'));
  it.each<[string, number, string, () => Sent | Promise<Sent>]>([
    ['no bearer', 401, 'authority-missing', () => ({ bearer: undefined })],
    ['a bearer that is no secret', 403, 'room-taken', () => ({ bearer: 'secret' })],
    [
      'a room of somebody else',
      403,
      'room-taken',
      async () => ({ room: (await published()).room, bearer: newSecret() }),
    ],
    ['a name that no room can have', 404, 'room-unknown', () => ({ room: 'ab' })],
    ['another type of body', 415, 'media-type', () => ({ type: 'application/json' })],
    ['no SDP', 400, 'bad-request', () => ({ body: 'hello' })],
    ['an empty body', 400, 'bad-request', () => ({ body: '' })],
    ['SDP without media', 400, 'bad-request', () => ({ body: OBS.slice(0, OBS.indexOf('m=')) })],
    [
      'no fingerprint',
      400,
      'bad-request',
      () => ({ body: OBS.replace(/a=fingerprint.*\r\n/, '') }),
    ],
    ['no mid', 400, 'bad-request', () => ({ body: OBS.replace('a=mid:1\r\n', '') })],
    ['the same mid twice', 400, 'bad-request', () => ({ body: OBS.replace('a=mid:1', 'a=mid:0') })],
    ['sound alone', 422, 'offer-unsupported', () => ({ body: OBS.replace(video(OBS), '') })],
    [
      'two videos',
      422,
      'offer-unsupported',
      () => ({ body: OBS + video(OBS).replace('a=mid:1', 'a=mid:2') }),
    ],
    [
      'a viewer',
      422,
      'offer-unsupported',
      () => ({ body: OBS.replaceAll('sendonly', 'recvonly') }),
    ],
    ['H265 alone', 422, 'offer-unsupported', () => ({ body: OBS.replaceAll('H264', 'H265') })],
    [
      'a data channel',
      422,
      'offer-unsupported',
      () => ({
        body: `${OBS}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n`,
      }),
    ],
    ['too much', 413, 'message-too-large', () => ({ body: `${OBS}a=x:${'y'.repeat(70_000)}\r\n` })],
  ])('%s: %i %s', async (_, status, code, sent) => {
    const refused = await send(await sent());
    expect([refused.status, refused.json()]).toMatchObject([status, { status, code }]);
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(refused.json()['detail']).toMatch(/[.…]$/);
    expect(refused.headers.has('www-authenticate')).toBe(status === 401);
  });

  it('a refused offer leaves nothing behind', async () => {
    const before = await server.mediaInUse();
    await send({ body: OBS.replaceAll('H264', 'H265') });
    await send({ body: OBS.replace('a=setup:actpass', 'a=setup:holdconn') });
    expect(await server.mediaInUse()).toEqual(before);
  });

  it('other methods are named', async () => {
    const put = await send({ method: 'PUT' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'POST, GET, HEAD, OPTIONS']);
    const session = await published();
    const post = await session.ask('POST', { body: OBS });
    expect([post.status, post.headers.get('allow')]).toEqual([
      405,
      'PATCH, DELETE, GET, HEAD, OPTIONS',
    ]);
    expect((await send({ method: 'GET', body: null })).status).toBe(204);
  });

  it('pages of any origin may publish', async () => {
    const headers = { Origin: 'https://studio.example', 'Access-Control-Request-Method': 'PATCH' };
    const { path } = await published();
    for (const at of ['/whip/some-room', path]) {
      const preflight = await send({ method: 'OPTIONS', path: at, headers, body: null });
      expect(preflight.status).toBe(204);
      expect(Object.fromEntries(preflight.headers)).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-headers': 'Authorization, Content-Type, If-Match',
        'accept-post': 'application/sdp',
      });
    }
    const { headers: answered } = await send({ headers: { Origin: 'https://studio.example' } });
    expect(answered.get('access-control-allow-origin')).toBe('*');
    expect(answered.get('access-control-expose-headers')).toMatch('Location, ETag');
  });
});

describe('WHIP-3 ICE by PATCH', () => {
  const fragment = (ufrag: string) =>
    `a=ice-ufrag:${ufrag}\r\na=ice-pwd:u4XhLcYdJm2Xn3ZqH7eQ0b\r\nm=audio 9 RTP/AVP 0\r\na=mid:1\r\n` +
    'a=candidate:1 1 udp 2130706431 192.0.2.7 47193 typ host\r\n';
  const patch = {
    type: 'application/trickle-ice-sdpfrag',
    body: fragment('vV3e'),
  };

  it('candidates are accepted, and not needed', async () => {
    const { ask, etag } = await published();
    const answer = await ask('PATCH', { ...patch, headers: { 'If-Match': etag } });
    expect([answer.status, answer.text, answer.headers.get('etag')]).toEqual([204, '', null]);
  });

  it.each([
    ['without If-Match', 428, {}],
    ['for another ICE session', 412, { 'If-Match': '"other"' }],
  ])('%s: %i', async (_, status, headers) => {
    const { ask } = await published();
    expect((await ask('PATCH', { ...patch, headers })).status).toBe(status);
  });

  it('another type is refused', async () => {
    const { ask, etag } = await published();
    const headers = { 'If-Match': etag };
    expect((await ask('PATCH', { ...patch, type: 'application/sdp', headers })).status).toBe(415);
  });

  it('another ufrag restarts ICE', async () => {
    const { ask, etag, room } = await published();
    const headers = { 'If-Match': '*' };
    const answer = await ask('PATCH', { ...patch, body: fragment('n3wF'), headers });
    expect(answer.status).toBe(200);
    const { usernameFragment, password } = publisherOf(room).session.transport().iceParameters;
    expect(answer.headers.get('etag')).toBe(`"${usernameFragment}"`);
    expect(answer.headers.get('etag')).not.toBe(etag);
    for (const line of [`ice-ufrag:${usernameFragment}`, `ice-pwd:${password}`, 'mid:1']) {
      expect(answer.text).toContain(`a=${line}\r\n`);
    }
    expect(answer.text).toMatch(/a=candidate:\S+ 1 udp /);
    // The one before is over.
    expect((await ask('PATCH', { ...patch, headers: { 'If-Match': etag } })).status).toBe(412);
  });
});

describe('WHIP-4 the session', () => {
  it('DELETE ends the broadcast', async () => {
    const { ask, room } = await published();
    expect((await ask('DELETE')).status).toBe(200);
    const view = server.app.registry.existingRoom(v.parse(RoomIdSchema, room)).view();
    expect(view.status).toBe('ended');
    expect((await ask('GET')).json()).toMatchObject({ state: 'ended', reason: 'ended' });
    expect((await ask('DELETE')).status).toBe(200);
    expect((await ask('PATCH', { headers: { 'If-Match': '*' } })).status).toBe(404);
  });

  it('GET returns its state, and later why it ended', async () => {
    const { ask, room, bearer } = await published();
    expect((await ask('GET')).json()).toMatchObject({
      state: 'connecting',
      epoch: 1,
      room: { roomId: room, status: 'live' },
    });
    await send({ room, bearer });
    expect((await ask('GET')).json()).toMatchObject({ state: 'ended', reason: 'superseded' });
  });

  it('only the encoder that made it can use it', async () => {
    const { ask, path } = await published();
    for (const method of ['GET', 'DELETE', 'PATCH']) {
      expect((await ask(method, { bearer: newSecret() })).status).toBe(403);
      expect((await ask(method, { bearer: undefined })).status).toBe(401);
    }
    const elsewhere = path.replace(/^\/whip\/[^/]+/, '/whip/other-room');
    expect((await ask('GET', { path: elsewhere })).status).toBe(404);
    expect((await ask('GET', { path: `${path.slice(0, -1)}_` })).status).toBe(404);
  });

  it('a takeover works in both directions', async () => {
    const page = await server.connect();
    const room = server.newRoom();
    const { publisherSecret } = await broadcast(page, room);
    const encoder = await send({ room, bearer: publisherSecret });
    expect(encoder.status).toBe(201);
    expect(await page.waitForPush('superseded')).toEqual({ epoch: 2 });
    await broadcast(await server.connect(), room, publisherSecret);
    const path = encoder.headers.get('location') ?? '';
    const { state, reason } = (
      await send({ method: 'GET', path, bearer: publisherSecret, body: null })
    ).json();
    expect([state, reason]).toEqual(['ended', 'superseded']);
  });
});

test('WHIP-2 with AUTH_SECRET the bearer is a publisher’s token', async () => {
  const secret = 'a-secret-of-at-least-32-characters!';
  await using on = await InProcessServer.start({ env: { AUTH_SECRET: secret } });
  const room = v.parse(RoomIdSchema, 'studio');
  const key = createSecretKey(Buffer.from(secret));
  const token = (role: 'publisher' | 'viewer', of = room) =>
    signToken(key, { room: of, role, exp: Math.floor(Date.now() / 1_000) + 60 });
  const status = async (bearer: string) => (await send({ on, room, bearer })).status;
  expect(await status(await token('publisher'))).toBe(201);
  expect(await status(await token('viewer'))).toBe(403);
  expect(await status(await token('publisher', v.parse(RoomIdSchema, 'other')))).toBe(403);
  expect(await status(newSecret())).toBe(401);
});

describe('WHIP-5 with OBS’s library', () => {
  /** SPS, PPS and one slice: enough for the worker, which looks at the types of NAL units only. */
  const KEY_FRAME = Buffer.from(
    '0000000167640028acd9405005bb011000000001' +
      '68ebe3cb22c0' +
      '00000001' +
      '65888400' +
      '5a'.repeat(3_000),
    'hex',
  );

  it('WHIP-6 the server measures how rare key frames are, for the encoder and for viewers', async () => {
    const room = server.newRoom();
    const bearer = newSecret();
    await using encoder = new ObsEncoder(bearer);
    const { session } = await encoder.publish(`${server.url}/whip/${room}`);
    const viewer = await server.connect();
    await join(viewer, room);
    let atMs = 0;
    const timer = setInterval(() => encoder.sendFrame(KEY_FRAME, (atMs += 1_500)), 1_500);
    try {
      const { keyFrameIntervalMs } = await viewer.waitForPush(
        'roomChanged',
        (view) => view.keyFrameIntervalMs !== undefined,
      );
      expect(keyFrameIntervalMs).toBeGreaterThan(500);
      const path = new URL(session).pathname;
      const state = await send({ method: 'GET', path, bearer, body: null });
      expect(state.json()['room']).toMatchObject({ keyFrameIntervalMs: expect.any(Number) });
    } finally {
      clearInterval(timer);
    }
  });

  it('media reaches the server, a viewer gets H264, and DELETE ends it', async () => {
    const room = server.newRoom();
    await using encoder = new ObsEncoder(newSecret());
    const { session } = await encoder.publish(`${server.url}/whip/${room}`);
    const publisher = publisherOf(room);
    let atMs = 0;
    const timer = setInterval(() => encoder.sendFrame(KEY_FRAME, (atMs += 33)), 33);
    try {
      const video = publisher.broadcast!.producers.find(({ kind }) => kind === 'video')!;
      await waitUntil('the server receives video', async () => {
        const [stats] = await video.getStats();
        return stats !== undefined && stats.packetCount > 20;
      });
    } finally {
      clearInterval(timer);
    }
    const viewer = await join(await server.connect(), room);
    const h264 = viewer.media.consumers.find(({ kind }) => kind === 'video');
    expect(h264?.rtpParameters.codecs[0]?.mimeType).toBe('video/H264');
    expect(publisher.session.mediaUp).toBe(true);
    expect(new URL(session).pathname).toMatch(`/whip/${room}/`);
    expect(await encoder.stop()).toBe(200);
    await waitUntil('the encoder learns that it is over', () => !encoder.isConnected);
  });
});
