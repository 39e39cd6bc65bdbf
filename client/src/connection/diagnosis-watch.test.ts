import { signal } from '@preact/signals-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerReach } from './diagnosis.ts';
import { DiagnosisWatch, type WatchedTransport } from './diagnosis-watch.ts';
import type { Phase } from './states.ts';

/** A report with one local candidate, and one pair on which so much has arrived. */
function report(arrived: number, dtls = 'new', locals = 1): RTCStatsReport {
  const entries = new Map<string, object>([
    ['P', { type: 'candidate-pair', responsesReceived: arrived }],
    ['T', { type: 'transport', dtlsState: dtls }],
  ]);
  for (let i = 0; i < locals; i += 1) entries.set(`L${i}`, { type: 'local-candidate' });
  if (locals === 0) entries.delete('P');
  return entries;
}

/** A watched page whose parts the test sets. */
class Page {
  readonly troubled = signal(true);
  readonly live = signal(false);
  readonly phase = signal<Phase>('connecting');
  up = false;
  transport: WatchedTransport | undefined;
  stats: RTCStatsReport | undefined;
  server: ServerReach = { kind: 'answers' };
  probes = 0;
  withoutSocket = 0;
  readonly watch = new DiagnosisWatch({
    role: 'viewer',
    pageHost: 'live.example.org',
    troubled: this.troubled,
    live: this.live,
    phase: this.phase,
    socketUp: () => this.up,
    transport: () => this.transport,
    getStats: async () => this.stats,
    probe: async () => {
      this.probes += 1;
      return this.server;
    },
    websocketBlocked: () => {
      this.withoutSocket += 1;
    },
  });

  get cause() {
    return this.watch.diagnosis.value?.cause;
  }

  /** The socket is up, and a transport waits for packets. */
  negotiates(id = 't1'): void {
    this.up = true;
    const servers = [{ address: '203.0.113.7', port: 17_400, protocol: 'udp' } as const];
    this.transport = { id, servers, expectsMedia: true, data: 'opening' };
    this.stats = report(0);
  }

  socketFails(): void {
    this.phase.value = 'connecting';
    this.phase.value = 'waiting';
  }
}

let page: Page;
beforeEach(() => {
  vi.useFakeTimers();
  page = new Page();
});
afterEach(() => {
  page.watch.close();
  vi.useRealTimers();
});
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('REACH-1 a page that waits in vain', () => {
  it('names a blocked media port within 10 s, over several transports, until media comes', async () => {
    page.negotiates('t1');
    await pass(5_000);
    expect(page.cause).toBeUndefined();
    page.negotiates('t2');
    await pass(4_000);
    expect(page.cause).toBe('media-blocked');
    // Between two attempts there is no transport.
    page.transport = undefined;
    await pass(10_000);
    expect(page.cause).toBe('media-blocked');
    page.troubled.value = false;
    expect(page.cause).toBeUndefined();
  });

  it('does not count what had arrived on the transport before', async () => {
    page.troubled.value = false;
    page.negotiates('t1');
    page.stats = report(900, 'connected');
    await pass(2_000);
    page.troubled.value = true;
    await pass(9_000);
    expect(page.cause).toBe('media-blocked');
  });

  it('names blocked websockets when the server answers, and a new attempt has failed since', async () => {
    page.socketFails();
    await pass(4_000);
    expect(page.probes).toBe(1);
    page.socketFails();
    await pass(4_000);
    expect(page.cause).toBe('websocket-blocked');
    expect(page.withoutSocket).toBe(1);
    await pass(20_000);
    expect(page.withoutSocket).toBe(3);
  });

  it('probes only while the socket is away, and not often', async () => {
    page.up = true;
    await pass(8_000);
    expect(page.probes).toBe(0);
    page.up = false;
    await pass(20_000);
    expect(page.probes).toBeLessThanOrEqual(5);
  });

  it('corrects a cause when it sees another: the server is away, and then its media port is blocked', async () => {
    page.server = { kind: 'silent' };
    await pass(8_000);
    expect(page.cause).toBe('server-silent');
    page.negotiates();
    await pass(8_000);
    expect(page.cause).toBe('media-blocked');
  });

  it('names a refusal of the request ahead of the socket at once', async () => {
    page.watch.serverAnswered({ kind: 'refuses', code: 'origin-refused', message: 'a, b' });
    await pass(1_000);
    expect(page.cause).toBe('origin-refused');
  });

  it('says nothing after it was closed', async () => {
    page.negotiates();
    page.watch.close();
    await pass(20_000);
    expect(page.cause).toBeUndefined();
  });
});

describe('REACH-3 a page that is live', () => {
  beforeEach(() => {
    page.negotiates();
    page.troubled.value = false;
    page.live.value = true;
  });
  const data = (state: WatchedTransport['data']) => {
    if (page.transport) page.transport = { ...page.transport, data: state };
  };

  it('says at once that the overlay is missing where the browser refuses data channels', async () => {
    data('refused');
    await pass(1_000);
    expect(page.watch.limitation.value).toBe('no-overlay');
  });

  it('waits for a channel that is opening, and takes its word back when it opens', async () => {
    await pass(4_000);
    expect(page.watch.limitation.value).toBeUndefined();
    await pass(4_000);
    expect(page.watch.limitation.value).toBe('no-overlay');
    data('open');
    await pass(1_000);
    expect(page.watch.limitation.value).toBeUndefined();
  });

  it('says that no websocket gets through only while the server answers without one', async () => {
    data('open');
    page.up = false;
    page.server = { kind: 'silent' };
    await pass(20_000);
    expect(page.watch.limitation.value).toBeUndefined();
    page.server = { kind: 'answers' };
    await pass(2_000);
    expect(page.watch.limitation.value).toBe('no-websocket');
    page.up = true;
    await pass(2_000);
    expect(page.watch.limitation.value).toBeUndefined();
  });
});
