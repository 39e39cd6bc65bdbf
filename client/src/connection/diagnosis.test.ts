import { describe, expect, it } from 'vitest';
import { type Cause, causeOf, type MediaPath, type Observations } from './diagnosis.ts';
import { diagnosisOf, limitationWords, unsupportedWords } from './diagnosis-words.ts';

const at = (address: string, port = 17_400) =>
  (['udp', 'tcp'] as const).map((protocol) => ({ address, port, protocol }));

/** A path that has been tried for long, without any answer. */
const DEAD: MediaPath = {
  servers: at('203.0.113.7'),
  localCandidates: 2,
  pairs: 4,
  triedMs: 6_000,
  answered: false,
  up: false,
};
const REFUSED = {
  kind: 'refuses',
  code: 'origin-refused',
  message: 'from a, asked for b',
} as const;

const seen = (more: Partial<Observations>): Observations => ({
  waitedMs: 7_000,
  pageHost: 'live.example.org',
  socket: 'up',
  socketFailures: 0,
  server: undefined,
  path: undefined,
  ...more,
});

describe('REACH-1 the cause of a connection that does not come up', () => {
  const cases: readonly (readonly [string, Partial<Observations>, Cause['kind'] | undefined])[] = [
    ['nothing yet, after 5 s', { waitedMs: 5_000, path: DEAD }, undefined],
    ['no packet comes back from the media port', { path: DEAD }, 'media-blocked'],
    [
      'the same without TCP',
      { path: { ...DEAD, servers: DEAD.servers.slice(0, 1) } },
      'media-blocked',
    ],
    ['a path that was tried for 2 s only', { path: { ...DEAD, triedMs: 2_000 } }, undefined],
    ['media is up', { path: { ...DEAD, answered: true, up: true } }, undefined],
    [
      'media is up for long, and no video',
      { waitedMs: 9_000, path: { ...DEAD, up: true } },
      'no-video',
    ],
    [
      'packets come back, and DTLS has had little time',
      { path: { ...DEAD, answered: true, triedMs: 3_000 } },
      undefined,
    ],
    [
      'packets come back, and DTLS does not start',
      { path: { ...DEAD, answered: true } },
      'encryption-blocked',
    ],
    [
      'the browser offers no candidate',
      { path: { ...DEAD, localCandidates: 0, pairs: 0 } },
      'browser-hides-paths',
    ],
    ['IPv6 here, IPv4 there', { path: { ...DEAD, pairs: 0 } }, 'no-common-family'],
    [
      'loopback announced to a page by name',
      { path: { ...DEAD, servers: at('127.0.0.1') } },
      'wrong-address',
    ],
    ['loopback announced, IPv6', { path: { ...DEAD, servers: at('::1') } }, 'wrong-address'],
    [
      'loopback announced to a page on localhost',
      { pageHost: 'localhost', path: { ...DEAD, servers: at('127.0.0.1') } },
      'media-blocked',
    ],
    [
      'an inner address announced to a page by address',
      { pageHost: '198.51.100.4', path: { ...DEAD, servers: at('172.17.0.2') } },
      'wrong-address',
    ],
    [
      'an inner address announced to a page by name',
      { path: { ...DEAD, servers: at('172.17.0.2') } },
      'media-blocked',
    ],
    [
      'the page’s own address among those announced',
      {
        pageHost: '203.0.113.7',
        path: { ...DEAD, servers: [...at('10.0.0.1'), ...at('203.0.113.7')] },
      },
      'media-blocked',
    ],
    [
      'the page’s own address, IPv6',
      { pageHost: '[2001:db8::7]', path: { ...DEAD, servers: at('2001:db8::7') } },
      'media-blocked',
    ],
    [
      'a name announced',
      { pageHost: '203.0.113.7', path: { ...DEAD, servers: at('live.example.org') } },
      'media-blocked',
    ],
    ['no server address at all', { path: { ...DEAD, servers: [] } }, undefined],
    [
      'neither the socket nor HTTP',
      { socket: 'down', server: { kind: 'silent' } },
      'server-silent',
    ],
    [
      'neither the socket nor HTTP, and a dead path',
      { socket: 'down', server: { kind: 'silent' }, path: DEAD },
      'server-silent',
    ],
    [
      'an error page of a proxy',
      { socket: 'down', server: { kind: 'foreign', status: 502 } },
      'server-foreign',
    ],
    [
      'HTTP and no websocket',
      { socket: 'down', server: { kind: 'answers' }, socketFailures: 1 },
      'websocket-blocked',
    ],
    [
      'HTTP again, and no attempt at a websocket since',
      { socket: 'down', server: { kind: 'answers' } },
      undefined,
    ],
    [
      'no websocket, and the media port is blocked as well',
      { socket: 'down', server: { kind: 'answers' }, socketFailures: 3, path: DEAD },
      'media-blocked',
    ],
    [
      'the origin is refused: at once',
      { waitedMs: 500, socket: 'down', server: REFUSED },
      'origin-refused',
    ],
    ['too many requests', { socket: 'down', server: { ...REFUSED, code: 'too-many' } }, 'refused'],
    [
      'too many requests, for a moment',
      { waitedMs: 2_000, socket: 'down', server: { ...REFUSED, code: 'too-many' } },
      undefined,
    ],
    ['nothing that explains it, after 7 s', {}, undefined],
    ['nothing that explains it, after 9 s', { waitedMs: 9_000 }, 'unknown'],
  ];
  it.each(cases)('%s', (_name, more, kind) => {
    expect(causeOf(seen(more))?.kind).toBe(kind);
  });

  it('whatever is seen, there is a cause within 10 s', () => {
    const without = cases.filter(([, more]) => !causeOf(seen({ ...more, waitedMs: 9_500 })));
    expect(without).toEqual([]);
  });
});

describe('REACH-1 the words for a cause', () => {
  const causes: readonly Cause[] = [
    { kind: 'server-silent', host: 'live.example.org' },
    { kind: 'server-foreign', status: 502 },
    { kind: 'origin-refused', message: 'This page is from a.' },
    { kind: 'refused', message: 'There are too many.' },
    { kind: 'websocket-blocked' },
    { kind: 'browser-hides-paths' },
    { kind: 'no-common-family' },
    { kind: 'wrong-address', addresses: ['127.0.0.1'], host: 'live.example.org' },
    { kind: 'media-blocked', addresses: ['203.0.113.7'], ports: [17_400], tcp: true },
    { kind: 'encryption-blocked' },
    { kind: 'no-video' },
    { kind: 'unknown' },
  ];

  it.each(causes)('$kind: a title, what to do, and that the page goes on', (cause) => {
    for (const role of ['viewer', 'publisher'] as const) {
      const { title, detail } = diagnosisOf(cause, role);
      expect(title).toMatch(/^[A-Z].{8,60}[^.]$/u);
      expect(detail).toMatch(/This page keeps trying\.$/);
      expect(detail.length).toBeLessThan(420);
    }
  });

  it('names the ports to open, for UDP and TCP, and a few addresses', () => {
    const cause = {
      kind: 'media-blocked',
      addresses: ['a', 'b', 'c', 'd'],
      ports: [17_400],
      tcp: true,
    } as const;
    const { detail } = diagnosisOf(cause, 'publisher');
    expect(detail).toContain('Open port 17400 (UDP and TCP)');
    expect(detail).toContain('at a, b and c …');
    expect(diagnosisOf(cause, 'viewer').detail).toContain('operator');
  });

  it('distinguish a browser without WebRTC from one that refuses it', () => {
    expect(unsupportedWords('viewer', undefined)).toMatch(/can not play.*no WebRTC/);
    expect(unsupportedWords('publisher', Map)).toMatch(/can not send.*may block WebRTC/);
  });

  it('REACH-3 say what is missing while the video is live', () => {
    for (const role of ['viewer', 'publisher'] as const) {
      expect(limitationWords('no-overlay', role).title).toContain('overlay');
      expect(limitationWords('no-websocket', role).title).toContain('websocket');
    }
  });
});
