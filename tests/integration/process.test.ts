import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { workerBin } from 'mediasoup';
import { describe, expect, it } from 'vitest';
import { join } from '#testkit/signalling/requests.ts';
import { childrenOf } from '#testkit/processes.ts';
import { isAlive, MainProcess } from '#testkit/server/main-process.ts';
import { freePorts } from '#testkit/server/ports.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const isLinux = process.platform === 'linux';
const REAL = process.env['MEDIASOUP_WORKER_BIN'] ?? workerBin;
const BATCHING = ['auto', 'off'] as const;
/** Whether the process has a handler for signal number 1 to 32, proc(5). */
const handlesSignal = (pid: number, number: number) => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mask = Number.parseInt(
    /^SigCgt:\s+[0-9a-f]{8}([0-9a-f]{8})$/m.exec(status)?.[1] ?? '0',
    16,
  );
  return ((mask >>> (number - 1)) & 1) === 1;
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('SEC-16 secrets leave the environment', () => {
  const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2';
  const secrets = {
    AUTH_SECRET: SECRET,
    DEPLOY_TOKEN: SECRET,
    aws_secret_access_key: SECRET,
    DATABASE_URL: `postgres://user:${SECRET}@db.example/x`,
  };

  it.skipIf(!isLinux)('no process shows them in /proc, the server included', async () => {
    await using server = await MainProcess.start({ env: secrets });
    const workers = childrenOf(server.pid);
    expect(workers).toHaveLength(2);
    for (const pid of [...workers, server.pid]) {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      expect(environment).toContain('PATH=');
      expect(environment).not.toContain(SECRET);
    }
    // The server has read its secret before.
    const page = await (await fetch(`${server.url}/join`)).text();
    expect(page).toContain('tokens');
  });

  it('no program that the server starts gets them: neither the workers nor the check of batched sending', async () => {
    const folder = mkdtempSync(joinPath(tmpdir(), 'onecast-env-'));
    try {
      const standIn = joinPath(folder, 'worker.sh');
      writeFileSync(standIn, `#!/bin/sh\nenv > '${folder}'/env.$$\nexec '${REAL}' "$@"\n`);
      chmodSync(standIn, 0o755);
      const env = { ...secrets, MEDIASOUP_WORKER_BIN: standIn, MEDIA_EGRESS_BATCHING: 'auto' };
      await using server = await MainProcess.start({ env });
      expect(server.output).toContain('listening');
      const dumps = readdirSync(folder).filter((name) => name.startsWith('env.'));
      expect(dumps.length).toBeGreaterThanOrEqual(2);
      for (const name of dumps) {
        const text = readFileSync(joinPath(folder, name), 'utf8');
        expect(text).toContain('MEDIASOUP_WORKER_BIN=');
        expect(text).not.toContain(SECRET);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('SRV-4 signals', () => {
  it.each([
    ['SIGTERM', 'auto'],
    ['SIGTERM', 'off'],
    ['SIGINT', 'off'],
    ['SIGHUP', 'auto'],
  ] as const)(
    '%s to the server, its group and each worker, several times (batched sending %s): a drain, and exit code 0',
    async (signal, batching) => {
      const env = { MEDIA_EGRESS_BATCHING: batching };
      await using server = await MainProcess.start({ detached: true, env });
      const workers = childrenOf(server.pid);
      expect(workers).toHaveLength(2);
      // As a service manager does that signals every process of its service.
      for (const pid of workers) process.kill(pid, signal);
      await pause(200);
      expect(workers.every(isAlive)).toBe(true);
      expect(await server.status('/readyz')).toBe(200);
      const viewer = await SignalClient.connect(server.url);
      await join(viewer, 'main');

      for (let i = 0; i < 3; i += 1) process.kill(-server.pid, signal);
      await viewer.waitForPush('draining');
      expect(await server.exited).toEqual([0, null]);
      expect(server.output).toContain('"msg":"stopped"');
      expect(server.output).not.toContain('media worker died');
      await waitUntil('the workers are gone', () => !workers.some(isAlive));
      viewer.close();
    },
  );

  it('SIGUSR1, SIGUSR2 and SIGPIPE change nothing, and no debugger listens', async () => {
    await using server = await MainProcess.start();
    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const) server.child.kill(signal);
    await pause(300);
    expect(await server.status('/readyz')).toBe(200);
    expect(server.output).not.toContain('Debugger');
    for (const pid of childrenOf(server.pid)) process.kill(pid, 'SIGUSR1');
    expect(await server.status('/readyz')).toBe(200);
  });

  it.skipIf(!isLinux)('SIGUSR1 opens no debugger, not even while Node starts', async () => {
    const port = await freePorts();
    const url = `http://127.0.0.1:${port}/json`;
    const isOpen = () =>
      fetch(url).then(
        () => true,
        () => false,
      );
    await using server = await MainProcess.spawn({
      env: { NODE_OPTIONS: `--inspect-port=${port}` },
    });
    await waitUntil('Node handles the signal', () => handlesSignal(server.pid, 10));
    let signals = 0;
    const timer = setInterval(() => {
      server.child.kill('SIGUSR1');
      signals += 1;
    }, 10);
    server.child.kill('SIGUSR1');
    await server.answers();
    clearInterval(timer);
    expect(signals).toBeGreaterThan(5);
    expect(await isOpen()).toBe(false);
    expect(await server.status('/readyz')).toBe(200);
  });

  it('a debugger that the operator asks for stays', async () => {
    const port = await freePorts();
    await using server = await MainProcess.start({
      env: { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` },
    });
    expect((await fetch(`http://127.0.0.1:${port}/json`)).status).toBe(200);
    expect(await server.status('/readyz')).toBe(200);
  });

  it.each(BATCHING)(
    'when the server is killed, its workers end (batched sending %s)',
    async (batching) => {
      await using server = await MainProcess.start({ env: { MEDIA_EGRESS_BATCHING: batching } });
      const workers = childrenOf(server.pid);
      expect(workers).toHaveLength(2);
      server.child.kill('SIGKILL');
      await server.exited;
      await waitUntil('the workers are gone', () => !workers.some(isAlive));
    },
  );

  it('without programs that block signals or start a session, the launcher starts the worker all the same', async () => {
    const folder = mkdtempSync(joinPath(tmpdir(), 'onecast-path-'));
    try {
      // `env` as on a system that does not know --block-signal.
      const plain = joinPath(folder, 'env');
      writeFileSync(plain, '#!/bin/sh\n[ "${1#-}" = "$1" ] || exit 125\nexec /usr/bin/env "$@"\n');
      chmodSync(plain, 0o755);
      const launcher = joinPath(import.meta.dirname, '../../native/egress/launch.sh');
      const started = spawn('/bin/sh', [launcher, 'hello'], {
        env: { PATH: folder, MEDIASOUP_WORKER_BIN: '/bin/echo' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [output] = (await once(started.stdout, 'data')) as [Buffer];
      expect(output.toString()).toBe('hello\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
