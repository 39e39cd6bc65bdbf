import { describe, expect, it } from 'vitest';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { ANSWERS, type AnswerOf, JOIN_PATH, PROBE_PATH } from '#protocol/signalling.ts';
import { ResultSchema } from '#protocol/result.ts';
import * as v from 'valibot';
import { broadcast, join, PROTOCOL } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const server = sharedServer({ limits: { sessionGraceMs: 1_000 } });
const newRoom = () => server.newRoom();

const { rtpCapabilities, dtlsParameters } = chromium;
const request = (room: string) => ({
  ...PROTOCOL,
  requestId: 'ahead',
  room,
  rtpCapabilities,
  dtlsParameters: { ...dtlsParameters, role: 'client' },
});

const post = (body: unknown, headers: Record<string, string> = {}, url = server.url) =>
  fetch(`${url}${JOIN_PATH}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

async function joinAhead(room: string, url?: string): Promise<AnswerOf<'join'>> {
  const result = v.parse(ResultSchema, await (await post(request(room), {}, url)).json());
  if (!result.ok) throw new Error(result.code);
  return v.parse(ANSWERS.join, result.value);
}

const codeOf = async (response: Response): Promise<string | undefined> => {
  const result = v.parse(ResultSchema, await response.json());
  return result.ok ? undefined : result.code;
};

describe('JOIN-1 joining ahead of the socket', () => {
  it('a viewer joins by one request, and its socket takes over the session', async () => {
    const room = newRoom();
    await broadcast(await server.connect(), room);
    const joined = await joinAhead(room);
    expect(joined.room).toMatchObject({ roomId: room, status: 'live' });
    expect(joined.media.consumers).toHaveLength(1);

    const socket = await server.connect();
    const attached = await socket.request('attach', { ...PROTOCOL, ...joined.session });
    expect(attached.transportId).toBe(joined.transport.id);
    expect(attached.media?.consumers).toEqual(joined.media.consumers);
    // From here on it is a session like any other.
    expect(await socket.errorCode('requestKeyFrame')).toBeUndefined();
    const { transportId } = attached;
    expect(await socket.errorCode('restartIce', { transportId })).toBeUndefined();
  });

  it('the transport knows the page’s DTLS parameters from the request', async () => {
    const room = newRoom();
    await broadcast(await server.connect(), room);
    const { session, transport } = await joinAhead(room);
    const member = server.app.registry.member(session.sessionId);
    const made = member?.session.openTransport;
    expect(made?.id).toBe(transport.id);
    expect(made?.dtlsParameters.role).toBe('server');
    // The page can't set its DTLS parameters twice.
    const socket = await server.connect();
    await socket.request('attach', { ...PROTOCOL, ...session });
    expect(
      await socket.errorCode('connectTransport', { transportId: transport.id, dtlsParameters }),
    ).toBe('internal');
  });

  it('a viewer whose socket never connects leaves nothing behind', async () => {
    const room = newRoom();
    const { session } = await joinAhead(room);
    expect(server.app.registry.member(session.sessionId)).toBeDefined();
    await waitUntil(
      'the session has expired',
      () => server.app.registry.member(session.sessionId) === undefined,
    );
    const late = await server.connect();
    expect(await late.errorCode('attach', { ...PROTOCOL, ...session })).toBe('session-gone');
  });

  it('a viewer counts only once it has a socket or receives media', async () => {
    const room = newRoom();
    await joinAhead(room);
    // Only the viewer that joins over a socket here counts.
    expect((await join(await server.connect(), room)).room.viewers).toBe(1);
  });
});

describe('SEC-4 SEC-5 joining ahead follows the rules of a socket', () => {
  it('the server refuses a page of another origin but not its own', async () => {
    const room = newRoom();
    expect(await codeOf(await post(request(room), { Origin: 'https://evil.example' }))).toBe(
      'origin-refused',
    );
    expect(await codeOf(await post(request(room), { Origin: server.url }))).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['no JSON', '{"a":'],
    ['nothing', ''],
    ['a list', []],
    ['no room', { ...request('main'), room: undefined }],
    ['a field too many', { ...request('main'), admin: true }],
    ['a poisoned fingerprint', { ...request('main'), dtlsParameters: { fingerprints: [{}] } }],
    ['too much', 'x'.repeat(70_000)],
    ['nesting without end', `${'['.repeat(30_000)}${']'.repeat(30_000)}`],
  ])('the server refuses a body: %s', async (_what, body) => {
    const response = await post(body);
    expect(await codeOf(response)).toBe('bad-request');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('the server refuses a page that can’t decode the broadcast, and makes no session', async () => {
    const room = newRoom();
    await broadcast(await server.connect(), room);
    const before = server.app.registry.sessionCount;
    const blind = { codecs: [], headerExtensions: [] };
    const refused = await post({ ...request(room), rtpCapabilities: blind });
    expect(await codeOf(refused)).toBe('codec-unsupported');
    expect(server.app.registry.sessionCount).toBe(before);
  });

  it('the server refuses another version of the protocol', async () => {
    expect(await codeOf(await post({ ...request(newRoom()), protocol: 99 }))).toBe(
      'protocol-mismatch',
    );
  });

  it('LIMIT-3 the server limits how often one address joins', async () => {
    await using small = await InProcessServer.start({
      limits: { connectsPerAddressMax: 5 },
      env: { MAX_CONNECTS_PER_ADDRESS: '5' },
    });
    for (let i = 0; i < 5; i += 1) await joinAhead('main', small.url);
    expect(await codeOf(await post(request('main'), {}, small.url))).toBe('too-many');
  });

  it('TOKEN-1 with AUTH_SECRET the server requires a token', async () => {
    await using closed = await InProcessServer.start({ env: { AUTH_SECRET: 's'.repeat(40) } });
    expect(await codeOf(await post(request('main'), {}, closed.url))).toBe('token-missing');
  });
});

describe('REACH-4 POST /api/probe', () => {
  const probe = async (headers: Record<string, string>) => {
    const response = await fetch(`${server.url}${PROBE_PATH}`, { method: 'POST', headers });
    return { status: response.status, result: v.parse(ResultSchema, await response.json()) };
  };

  it('accepts pages of this server and programs', async () => {
    const accepted = { status: 200, result: { ok: true, value: true } };
    expect(await probe({ Origin: server.url })).toEqual(accepted);
    expect(await probe({})).toEqual(accepted);
  });

  it('refuses a page of another host, and so does a join: the sentence names both hosts', async () => {
    const Origin = 'https://live.example.org';
    const { host } = new URL(server.url);
    const { status, result } = await probe({ Origin });
    expect(status).toBe(403);
    expect(result).toMatchObject({ ok: false, code: 'origin-refused' });
    const joined = v.parse(ResultSchema, await (await post(request('x'), { Origin })).json());
    for (const refusal of [result, joined]) {
      if (refusal.ok) throw new Error('not refused');
      expect(refusal.message).toContain(
        `from live.example.org, but the server was asked for ${host}`,
      );
    }
  });
});
