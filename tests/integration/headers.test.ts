import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InProcessServer } from '#testkit/server/in-process-server.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Node's own client: unlike fetch it sends whatever Host, Origin and path it is given. */
function ask(
  server: InProcessServer,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = server.app;
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (data: Buffer) => (body += data.toString()));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** The policy as a map of directives; every directive may stand there once only. */
function policyOf({ headers }: Answer): Record<string, string[]> {
  const policy = headers['content-security-policy'];
  if (typeof policy !== 'string') throw new Error(`one policy expected, not ${String(policy)}`);
  const directives = policy.split(';').map((directive) => directive.trim().split(' '));
  expect(new Set(directives.map(([name]) => name)).size).toBe(directives.length);
  return Object.fromEntries(directives.map(([name = '', ...sources]) => [name, sources]));
}

const featuresOf = ({ headers }: Answer): string[] =>
  String(headers['permissions-policy'])
    .split(', ')
    .filter((feature) => !feature.endsWith('=()'));

const ELSEWHERE = 'https://www.example.org';

describe('SEC-12 every answer has its headers', () => {
  let server: InProcessServer;

  beforeAll(async () => {
    server = await InProcessServer.start();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function asset(): Promise<string> {
    const { body } = await ask(server, '/join');
    const path = /src="(\/assets\/[^"]+\.js)"/.exec(body)?.[1];
    if (path === undefined) throw new Error('the page has no script');
    return path;
  }

  test.each<[string, number, { method?: string; headers?: Record<string, string> }?]>([
    ['/', 200],
    ['/publish', 200],
    ['/publish/studio', 200],
    ['/join/studio', 200],
    ['/join/studio', 200, { method: 'HEAD' }],
    ['/embed/studio', 200],
    ['/join/x', 404],
    ['/embed/%3Cscript%3E', 404],
    ['/nowhere', 404],
    ['/nowhere', 404, { method: 'POST' }],
    ['/join/%ff', 400],
    ['/assets/../../package.json', 404],
    ['/favicon.svg', 200],
    ['/healthz', 200],
    ['/readyz', 200],
    ['/socket.io/?EIO=4&transport=polling', 400],
    ['/socket.io/?EIO=4&transport=websocket', 400],
    ['/socket.io/?EIO=4&transport=websocket', 400, { headers: { Origin: ELSEWHERE } }],
  ])('%s, %i', async (path, status, options) => {
    const answer = await ask(server, path, options);
    expect(answer.status).toBe(status);
    expectStrict(answer);
  });

  test('a script of the page', async () => {
    const answer = await ask(server, await asset());
    expect(answer.status).toBe(200);
    expectStrict(answer);
    expect(answer.headers['cache-control']).toContain('immutable');
  });

  function expectStrict(answer: Answer): void {
    const policy = policyOf(answer);
    expect(policy).toEqual({
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'"],
      'img-src': ["'self'"],
      'connect-src': expect.arrayContaining(["'self'"]),
      'worker-src': ["'self'"],
      'media-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
      'require-trusted-types-for': ["'script'"],
      'trusted-types': ['default'],
    });
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'origin-agent-cluster': '?1',
    });
    expect(answer.headers).not.toHaveProperty('x-powered-by');
    expect(answer.headers['permissions-policy']).toContain('geolocation=()');
  }

  test('SEC-12 the websocket of the own host may be connected to, and no host makes a directive', async () => {
    const sources = async (host: string) =>
      policyOf(await ask(server, '/join', { headers: { Host: host } }))['connect-src'];
    expect(await sources('live.example.org')).toEqual([
      "'self'",
      'ws://live.example.org',
      'wss://live.example.org',
    ]);
    for (const host of [
      'a;script-src *',
      "a 'unsafe-inline'",
      '*',
      '*.example.org',
      'a,b',
      'a/b',
      'a:1:2',
      '-a',
      'a'.repeat(300),
    ]) {
      expect([host, await sources(host)]).toEqual([host, ["'self'", "'self'", "'self'"]]);
    }
  });

  test('SEC-12 headers that a browser would only complain of over plain http are kept for https', async () => {
    const told = async (headers: Record<string, string>) =>
      (await ask(server, '/join', { headers })).headers['cross-origin-opener-policy'];
    expect(await told({ Host: '192.0.2.7:8088' })).toBeUndefined();
    expect(await told({ Host: 'live.example.org', 'X-Forwarded-Proto': 'https' })).toBe(
      'same-origin',
    );
    expect(await told({ Host: 'localhost:8088' })).toBe('same-origin');
  });

  test('SEC-14 camera and microphone are the publisher’s page’s alone', async () => {
    const allowed = async (path: string) => featuresOf(await ask(server, path));
    expect(await allowed('/publish/studio')).toEqual([
      'camera=(self)',
      'clipboard-write=(self)',
      'display-capture=(self)',
      'microphone=(self)',
      'screen-wake-lock=(self)',
    ]);
    const watching = ['fullscreen=(self)', 'picture-in-picture=(self)', 'screen-wake-lock=(self)'];
    expect(await allowed('/join/studio')).toEqual(watching);
    expect(await allowed('/embed/studio')).toEqual(watching);
    expect(await allowed('/')).toEqual([]);
    expect(await allowed('/nowhere')).toEqual([]);
  });
});

describe('SEC-13 whose pages may show a room', () => {
  const framing = (answer: Answer) => [
    policyOf(answer)['frame-ancestors'],
    answer.headers['x-frame-options'],
  ];

  test.each<[string, readonly string[]]>([
    ['https://www.example.org,http://localhost:9000', [ELSEWHERE, 'http://localhost:9000']],
    ['*', ['*']],
  ])('EMBED_ORIGINS=%s: the embedded viewer, and no other page', async (origins, ancestors) => {
    await using server = await InProcessServer.start({ env: { EMBED_ORIGINS: origins } });
    for (const path of ['/embed', '/embed/studio', '/embed/x']) {
      expect([path, framing(await ask(server, path))]).toEqual([path, [ancestors, undefined]]);
    }
    for (const path of ['/', '/join/studio', '/publish/studio', '/embedded', '/embed/a/b']) {
      expect([path, framing(await ask(server, path))]).toEqual([path, [["'none'"], 'DENY']]);
    }
    // All else is as strict as before.
    const embed = policyOf(await ask(server, '/embed/studio'));
    const join = policyOf(await ask(server, '/join/studio'));
    expect({ ...embed, 'frame-ancestors': ["'none'"] }).toEqual(join);
  });
});
