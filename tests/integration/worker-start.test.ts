import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { workerBin } from 'mediasoup';
import { describe, expect, it } from 'vitest';
import { startWorker } from '#backend/media/workers/worker-process.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { isAlive, MainProcess } from '#testkit/server/main-process.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const REAL = process.env['MEDIASOUP_WORKER_BIN'] ?? workerBin;

/** A program that takes the place of the media worker, and a folder with its files. */
class StandIn implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'onecast-worker-'));

  /** @param script runs in `sh`, in the folder, before the real worker. Each start adds its pid to `pids`. */
  constructor(script: string) {
    const text = `#!/bin/sh\ncd '${this.#folder}' && echo $$ >> pids\n${script}\nexec '${REAL}' "$@"\n`;
    writeFileSync(this.path, text);
    chmodSync(this.path, 0o755);
  }

  get path(): string {
    return join(this.#folder, 'worker.sh');
  }

  get variables() {
    return { MEDIASOUP_WORKER_BIN: this.path, MEDIA_EGRESS_BATCHING: 'off' };
  }

  /** Pids in a file that the script wrote. */
  pids(name = 'pids'): number[] {
    const path = join(this.#folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map(Number) : [];
  }

  /** Sets or clears a condition that the script tests with `[ -e name ]`. */
  set(name: string, on: boolean): void {
    if (on) writeFileSync(join(this.#folder, name), '');
    else rmSync(join(this.#folder, name), { force: true });
  }

  [Symbol.dispose](): void {
    for (const pid of [...this.pids(), ...this.pids('sleepers')]) {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    rmSync(this.#folder, { recursive: true });
  }
}

/** The sleeper is a child, as of a wrapper script: it must not stay behind either. */
const HANG = '[ -e hang ] && { sleep 1000 & echo $! >> sleepers; wait; }';
const startMs = { workerStartMs: 1_500 };

describe('SRV-11 a worker that does not start', () => {
  it('hangs at the first start: the server reports it and leaves nothing behind', async () => {
    using standIn = new StandIn(HANG);
    standIn.set('hang', true);
    await expect(
      InProcessServer.start({ workers: 2, env: standIn.variables, limits: startMs }),
    ).rejects.toThrow(/worker\.sh did not start within 1\.5 s/);
    const pids = [...standIn.pids(), ...standIn.pids('sleepers')];
    expect(pids.length).toBeGreaterThanOrEqual(2);
    await waitUntil('all are gone', () => pids.every((pid) => !isAlive(pid)));
  });

  it('hangs at the first start: SIGTERM ends the server at once', async () => {
    using standIn = new StandIn(HANG);
    standIn.set('hang', true);
    await using server = await MainProcess.spawn({ env: standIn.variables });
    await waitUntil('two workers hang', () => standIn.pids('sleepers').length === 2);
    const asked = performance.now();
    server.child.kill('SIGTERM');
    expect(await server.exited).toEqual([0, null]);
    expect(performance.now() - asked).toBeLessThan(2_000);
    const pids = [...standIn.pids(), ...standIn.pids('sleepers')];
    await waitUntil('all are gone', () => pids.every((pid) => !isAlive(pid)));
  });

  it.each([
    ['ends at once', 'exit 3', /worker\.sh did not start: .*code:3/],
    ['is ended by a signal', 'kill -SEGV $$', /worker\.sh did not start: .*signal:SIGSEGV/],
  ])('%s at the first start: the server reports it', async (_what, script, message) => {
    using standIn = new StandIn(script);
    await expect(InProcessServer.start({ env: standIn.variables })).rejects.toThrow(message);
  });

  it('is missing: the server reports it', async () => {
    const env = { MEDIASOUP_WORKER_BIN: '/nowhere/worker', MEDIA_EGRESS_BATCHING: 'off' };
    await expect(InProcessServer.start({ env })).rejects.toThrow('/nowhere/worker did not start');
  });

  it('hangs after it has reported that it runs: it is killed', async () => {
    let pid = 0;
    const start = startWorker({ workerBin: REAL, egressLibrary: undefined }, 1_500, (worker) => {
      ({ pid } = worker);
      process.kill(pid, 'SIGSTOP');
      return worker.dump();
    });
    await expect(start.done).rejects.toThrow('did not start within 1.5 s');
    await waitUntil('it is gone', () => !isAlive(pid));
  });

  it('hangs as a replacement: it is killed, counted, and tried again after a pause', async () => {
    using standIn = new StandIn(HANG);
    const env = standIn.variables;
    await using server = await InProcessServer.start({ env, limits: startMs });
    standIn.set('hang', true);
    server.killWorker();
    const failed = () => server.metric('onecast_worker_losses_total{reason="not-started"}');
    await waitUntil('two starts have failed', async () => (await failed()) >= 2);
    expect(server.app.pool.ready).toBe(false);
    standIn.set('hang', false);
    await waitUntil('a worker runs', () => server.app.pool.workers.length === 1);
    expect(standIn.pids('sleepers').filter(isAlive).length).toBeLessThanOrEqual(1);
  });
});

describe('SRV-10 workers that end soon after each start', () => {
  it('are replaced after growing pauses, with one alarm, and readiness does not change all the time', async () => {
    using standIn = new StandIn(
      '[ -e die ] && { (sleep 0.3; kill -SEGV $$) >/dev/null 2>&1 3>&- 4>&- & }',
    );
    const logRecords: string[] = [];
    await using server = await InProcessServer.start({
      workers: 2,
      env: { ...standIn.variables, LOG_LEVEL: 'info' },
      logRecords,
      limits: { workerShortLifeMs: 3_000, workerSettleMs: 1_000, respawnMaxMs: 1_600 },
    });
    const printed = (text: string) => logRecords.filter((line) => line.includes(text)).length;
    standIn.set('die', true);
    server.killWorker(0);
    server.killWorker(1);
    const begun = performance.now();
    const deaths: number[] = [];
    let changes = 0;
    let wasReady: boolean | undefined;
    while (performance.now() - begun < 8_000) {
      const { status } = await fetch(`${server.url}/readyz`);
      if (wasReady !== undefined && wasReady !== (status === 200)) changes += 1;
      wasReady = status === 200;
      const died = printed('media worker died');
      while (deaths.length < died) deaths.push(performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(changes).toBeLessThanOrEqual(1);
    expect(wasReady).toBe(false);
    // Without pauses there would be about 40.
    expect(deaths.length).toBeGreaterThan(6);
    expect(deaths.length).toBeLessThan(18);
    expect(printed('again and again')).toBe(1);
    expect(await server.metric('onecast_worker_crash_loops')).toBe(2);

    standIn.set('die', false);
    await waitUntil('the server is ready', () => server.app.pool.ready);
    expect(printed('media workers stay up again')).toBe(1);
    expect(await server.metric('onecast_worker_crash_loops')).toBe(0);
  });

  it('a single death is followed by a replacement at once', async () => {
    await using server = await InProcessServer.start({ limits: { workerSettleMs: 50 } });
    await server.workerReplaced(server.killWorker());
    expect(await server.metric('onecast_worker_crash_loops')).toBe(0);
  });
});
