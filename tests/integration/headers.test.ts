import { describe, expect, test } from 'vitest';
import { type HttpResponse, httpRequest } from '#testkit/http.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';

/** The policy as a map of directives; each directive may occur only once. */
function policyOf({ headers }: HttpResponse): Record<string, string[]> {
  const policy = headers['content-security-policy'];
  if (typeof policy !== 'string') throw new Error(`one policy expected, not ${String(policy)}`);
  const directives = policy.split(';').map((directive) => directive.trim().split(' '));
  expect(new Set(directives.map(([name]) => name)).size).toBe(directives.length);
  return Object.fromEntries(directives.map(([name = '', ...sources]) => [name, sources]));
}

const featuresOf = ({ headers }: HttpResponse): string[] =>
  String(headers['permissions-policy'])
    .split(', ')
    .filter((feature) => !feature.endsWith('=()'));

const ELSEWHERE = 'https://www.example.org';

describe('SEC-12 security headers', () => {
  const server = sharedServer();

  async function asset(): Promise<string> {
    const { body } = await httpRequest(server.url, '/join');
    const path = /src="(\/assets\/[^"]+\.js)"/.exec(body.toString())?.[1];
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
    ['/JOIN/Studio', 200],
    ['/join/studio.', 200],
    ['/join/studio%E2%80%8B', 200],
    ['/publish/studio%23token=x', 200],
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
  ])('%s is answered with %i and the security headers', async (path, status, options) => {
    const answer = await httpRequest(server.url, path, options);
    expect(answer.status).toBe(status);
    expectStrict(answer);
  });

  test('a script of the page has the security headers and may be cached', async () => {
    const answer = await httpRequest(server.url, await asset());
    expect(answer.status).toBe(200);
    expectStrict(answer);
    expect(answer.headers['cache-control']).toContain('immutable');
  });

  function expectStrict(answer: HttpResponse): void {
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

  test('SEC-12 the policy allows the websocket of the server’s own host, and no Host header can add a directive', async () => {
    const sources = async (host: string) =>
      policyOf(await httpRequest(server.url, '/join', { headers: { Host: host } }))['connect-src'];
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

  test('SEC-12 headers that browsers ignore over plain HTTP are sent over HTTPS only', async () => {
    const openerPolicy = async (headers: Record<string, string>) =>
      (await httpRequest(server.url, '/join', { headers })).headers['cross-origin-opener-policy'];
    expect(await openerPolicy({ Host: '192.0.2.7:8088' })).toBeUndefined();
    expect(await openerPolicy({ Host: 'live.example.org', 'X-Forwarded-Proto': 'https' })).toBe(
      'same-origin',
    );
    expect(await openerPolicy({ Host: 'localhost:8088' })).toBe('same-origin');
  });

  test('SEC-14 only the publisher’s page may use camera, microphone and screen', async () => {
    const allowed = async (path: string) => featuresOf(await httpRequest(server.url, path));
    expect(await allowed('/publish/studio')).toEqual([
      'camera=(self)',
      'clipboard-write=(self)',
      'display-capture=(self)',
      'microphone=(self)',
      'screen-wake-lock=(self)',
    ]);
    const watching = ['fullscreen=(self)', 'picture-in-picture=(self)', 'screen-wake-lock=(self)'];
    expect(await allowed('/join/studio')).toEqual(['clipboard-write=(self)', ...watching]);
    expect(await allowed('/embed/studio')).toEqual(watching);
    expect(await allowed('/')).toEqual([]);
    expect(await allowed('/nowhere')).toEqual([]);
  });
});

describe('SEC-13 who may embed a room', () => {
  const framing = (answer: HttpResponse) => [
    policyOf(answer)['frame-ancestors'],
    answer.headers['x-frame-options'],
  ];

  test.each<[string, readonly string[]]>([
    ['https://www.example.org,http://localhost:9000', [ELSEWHERE, 'http://localhost:9000']],
    ['*', ['*']],
  ])('EMBED_ORIGINS=%s allows framing of the embedded viewer only', async (origins, ancestors) => {
    await using server = await InProcessServer.start({ env: { EMBED_ORIGINS: origins } });
    for (const path of ['/embed', '/embed/studio', '/embed/x']) {
      expect([path, framing(await httpRequest(server.url, path))]).toEqual([
        path,
        [ancestors, undefined],
      ]);
    }
    for (const path of ['/', '/join/studio', '/publish/studio', '/embedded', '/embed/a/b']) {
      expect([path, framing(await httpRequest(server.url, path))]).toEqual([
        path,
        [["'none'"], 'DENY'],
      ]);
    }
    // The rest of the policy is as strict as for other pages.
    const embed = policyOf(await httpRequest(server.url, '/embed/studio'));
    const join = policyOf(await httpRequest(server.url, '/join/studio'));
    expect({ ...embed, 'frame-ancestors': ["'none'"] }).toEqual(join);
  });
});
