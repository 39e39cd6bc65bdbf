import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join as joinPath } from 'node:path';
import { expect, it } from 'vitest';
import { broadcast, join, PROTOCOL } from '#testkit/signalling/requests.ts';
import { freePorts } from '#testkit/server/ports.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { serverVariables } from '#testkit/server/test-config.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const MAIN = joinPath(import.meta.dirname, '../../backend/src/main.ts');

it('SRV-4 workers and their replacements leave the signals to the app', async () => {
  const before = ['SIGTERM', 'SIGINT'].map((signal) => process.listenerCount(signal));
  await using server = await InProcessServer.start({ workers: 2 });
  const now = () => ['SIGTERM', 'SIGINT'].map((signal) => process.listenerCount(signal));
  expect(now()).toEqual(before);
  await server.workerReplaced(server.killWorker());
  expect(now()).toEqual(before);
});

it('SRV-3 SRV-4 a draining server is not ready, notifies its pages, keeps its workers and admits nobody', async () => {
  // Long enough for all checks of this test.
  await using server = await InProcessServer.start({ limits: { drainNoticeMs: 3_000 } });
  const [owner, viewer, late] = await server.connectMany(3);
  await broadcast(owner, 'main');
  await join(viewer, 'main');
  const status = async (path: string) => (await fetch(`${server.url}${path}`)).status;
  expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 200]);
  const drained = server.app.drain();
  expect(await viewer.waitForPush('draining')).toEqual({ retryInMs: server.limits.drainRetryMs });
  await owner.waitForPush('draining');
  expect([await status('/healthz'), await status('/readyz')]).toEqual([200, 503]);
  expect(await late.errorCode('publish', { ...PROTOCOL, room: 'other' })).toBe('draining');
  // This request needs a worker.
  expect(await viewer.errorCode('renewTransport')).toBeUndefined();
  expect(viewer.pushes('transportGone')).toEqual([]);
  await drained;
  await waitUntil('the sockets are closed', () => !viewer.connected && !owner.connected);
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  'SRV-4 on %s the server notifies its pages, exits with 0 and leaves no worker',
  async (signal) => {
    const mediaPort = await freePorts(2);
    const child = spawn(process.execPath, [MAIN], {
      env: {
        ...process.env,
        ...serverVariables({ mediaPort, workers: 2 }),
        LOG_LEVEL: 'info',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      await waitUntil('the server listens', () => output.includes('Onecast is running'));
      const port = /localhost:(\d+)\/publish/.exec(output)?.[1];
      const pids = [...output.matchAll(/"pid":(\d+),"msg":"media worker ready"/g)].map(([, pid]) =>
        Number(pid),
      );
      expect(pids).toHaveLength(2);
      const viewer = await SignalClient.connect(`http://127.0.0.1:${port}`);
      await join(viewer, 'main');
      child.kill(signal);
      await viewer.waitForPush('draining');
      expect(await exited).toEqual([0, null]);
      await waitUntil('the workers are gone', () => pids.every((pid) => !isAlive(pid)));
      viewer.close();
    } finally {
      child.kill('SIGKILL');
    }
  },
);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
