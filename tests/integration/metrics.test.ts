import { readFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Metrics } from '#backend/observability/metrics.ts';
import { broadcast, join, PROTOCOL, resume } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

describe('OBS-1 metrics', () => {
  it('the server serves metrics on a port of their own and not with the pages', async () => {
    await using server = await InProcessServer.start();
    const { metricsPort } = server.app;
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
    const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect((await fetch(`http://127.0.0.1:${metricsPort}/`)).status).toBe(404);
    await server.app.close();
    await expect(fetch(`http://127.0.0.1:${metricsPort}/metrics`)).rejects.toThrow('fetch failed');
  });

  it('the operator can turn metrics off', async () => {
    await using server = await InProcessServer.start({ env: { METRICS: 'off' } });
    expect(server.app.metricsPort).toBeUndefined();
  });

  it('the metrics count what is there now', async () => {
    await using server = await InProcessServer.start({ workers: 2 });
    const [owner, viewer, waiting] = await server.connectMany(3);
    await broadcast(owner, 'room-a');
    await join(viewer, 'room-a');
    await join(waiting, 'room-b');
    const now = async (series: string) => server.metric(series);
    expect(await now('onecast_rooms{status="live"}')).toBe(1);
    expect(await now('onecast_rooms{status="open"}')).toBe(1);
    expect(await now('onecast_sessions{role="publisher"}')).toBe(1);
    expect(await now('onecast_sessions{role="viewer"}')).toBe(2);
    expect(await now('onecast_viewers')).toBe(2);
    expect(await now('onecast_sockets')).toBe(3);
    const transports = await Promise.all(
      ['0', '1'].map((worker) => now(`onecast_transports{worker="${worker}"}`)),
    );
    expect(transports.toSorted((a, b) => a - b)).toEqual([1, 2]);
    for (const worker of ['0', '1']) {
      expect(await now(`onecast_worker_up{worker="${worker}"}`)).toBe(1);
      expect(await now(`onecast_worker_memory_peak_bytes{worker="${worker}"}`)).toBeGreaterThan(
        1e6,
      );
      expect(
        await now(`onecast_worker_cpu_seconds_total{worker="${worker}",mode="user"}`),
      ).toBeGreaterThanOrEqual(0);
    }
    const match = async (method: string) =>
      now(`onecast_viewers_overlay_match{method="${method}"}`);
    expect([await match('none'), await match('tag')]).toEqual([2, 0]);
    await viewer.request('report', { match: { method: 'tag' } });
    expect([await match('none'), await match('tag')]).toEqual([1, 1]);
    await viewer.request('report', { match: { method: 'newest' } });
    expect([await match('tag'), await match('newest')]).toEqual([0, 1]);
    expect(await owner.errorCode('report', { match: { method: 'tag' } })).toBe('not-allowed');
    viewer.close();
    await waitUntil(
      'the socket is no longer counted',
      async () => (await now('onecast_sockets')) === 2,
    );
  });

  it.runIf(process.platform === 'linux')(
    'SRV-8 the metrics count the open files of each process',
    async () => {
      await using server = await InProcessServer.start();
      const open = async (name: string) => server.metric(`onecast_open_fds{process="${name}"}`);
      await waitUntil('they are measured', async () =>
        (await server.metrics()).includes('onecast_open_fds{process="worker-0"}'),
      );
      expect(await open('server')).toBeGreaterThan(3);
      expect(await open('worker-0')).toBeGreaterThan(3);
      expect(await server.metric('onecast_max_fds{process="worker-0"}')).toBeGreaterThan(100);
    },
  );

  it('the metrics count requests, refusals and recoveries', async () => {
    await using server = await InProcessServer.start();
    const [owner, viewer] = await server.connectMany(2);
    const claimed = await broadcast(owner, 'room-a');
    const { session } = await join(viewer, 'room-a');
    expect(await server.metric('onecast_request_seconds_count{request="join"}')).toBe(1);
    expect(await server.metric('onecast_join_seconds_count{role="viewer"}')).toBe(1);
    expect(await server.metric('onecast_join_seconds_count{role="publisher"}')).toBe(1);

    const refused = async (code: string) => server.metric(`onecast_refused_total{code="${code}"}`);
    expect(await refused('bad-request')).toBe(0);
    await viewer.raw('join', { room: 'a\nb' });
    await viewer.raw('endBroadcast', { requestId: 'a', epoch: 1 });
    const stranger = await server.connect();
    await stranger.errorCode('publish', { ...PROTOCOL, room: 'room-a' });
    await SignalClient.connect(server.url, { origin: 'https://evil.example' }).catch(() => 0);
    expect(
      await Promise.all(
        ['bad-request', 'not-allowed', 'room-taken', 'origin-refused'].map((code) => refused(code)),
      ),
    ).toEqual([1, 1, 1, 1]);

    const recovered = async (kind: string) =>
      server.metric(`onecast_recoveries_total{kind="${kind}"}`);
    const again = await server.connect();
    await resume(again, session);
    await again.request('renewTransport');
    await again.request('renewConsumers');
    await owner.request('restartIce', { transportId: claimed.transport.id });
    const rejoining = await server.connect();
    await rejoining.errorCode('resume', { ...PROTOCOL, ...session, sessionId: 'a'.repeat(16) });
    await join(rejoining, 'room-a');
    await broadcast(await server.connect(), 'room-a', claimed.publisherSecret);
    for (const kind of [
      'session-resumed',
      'transport-renewed',
      'consumers-renewed',
      'ice-restarted',
      'rejoined',
      'publisher-takeover',
    ]) {
      expect([kind, await recovered(kind)]).toEqual([kind, 1]);
    }
    // A viewer that joins again does not count as a new one.
    expect(await server.metric('onecast_join_seconds_count{role="viewer"}')).toBe(1);

    server.killWorker();
    await waitUntil(
      'the worker is replaced',
      async () => (await recovered('worker-replaced')) === 1,
    );
    expect(await server.metric('onecast_worker_losses_total{reason="died"}')).toBe(1);
    expect(await server.metric('onecast_worker_losses_total{reason="hung"}')).toBe(0);
  });

  it('a hung worker does not delay the answer', async () => {
    await using server = await InProcessServer.start({
      workers: 2,
      // The watchdog must not replace the hung worker.
      limits: { scrapeDeadlineMs: 200, watchdogIntervalMs: 3_600_000 },
    });
    const pid = server.killWorker(0, 'SIGSTOP');
    try {
      const up = async (worker: number) => server.metric(`onecast_worker_up{worker="${worker}"}`);
      expect([await up(0), await up(1)]).toEqual([0, 1]);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  it('docs/operations.md lists every metric, and no metric contains what a client chose', async () => {
    const metrics = new Metrics();
    metrics.watchProcess();
    await using server = await InProcessServer.start({ metrics });
    await broadcast(await server.connect(), 'a-room-nobody-else-has');
    const text = await server.metrics();
    expect(text).not.toContain('a-room-nobody-else-has');
    expect(text).not.toContain('127.0.0.1');
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(text).toContain('process_open_fds');
    const manual = await readFile(
      joinPath(import.meta.dirname, '../../docs/operations.md'),
      'utf8',
    );
    const names = [...text.matchAll(/^# TYPE (onecast_\w+)/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !manual.includes(`\`${name}\``))).toEqual([]);
    const rows = [...manual.matchAll(/^\| (`onecast_\w+`[^|]*)\|/gm)].map(([, cell]) => cell ?? '');
    const documented = rows.flatMap((cell) => cell.match(/onecast_\w+/g) ?? []);
    expect(documented.filter((name) => !names.includes(name))).toEqual([]);
  });
});
