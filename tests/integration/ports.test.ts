import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { freePorts } from '#testkit/server/ports.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { MainProcess } from '#testkit/server/main-process.ts';
import { waitUntil } from '#testkit/wait-until.ts';

async function hold(port: number) {
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

describe('SRV-12 a media port that another program has', () => {
  it('ends the start with a sentence, and no worker was started', async () => {
    const port = await freePorts(2);
    const holder = await hold(port + 1);
    await using server = await MainProcess.spawn({ env: { MEDIA_PORT: String(port) } });
    expect(await server.exited).toEqual([1, null]);
    expect(server.output).toContain(
      `Onecast could not start: \n  MEDIA_PORT: port ${port + 1} (UDP, 127.0.0.1) is taken by`,
    );
    expect(server.output).not.toContain('media worker ready');
    holder.close();
  });

  it('is named in the log while a worker can not be replaced, which works when the port is free', async () => {
    const logRecords: string[] = [];
    await using server = await InProcessServer.start({
      env: { LOG_LEVEL: 'info' },
      logRecords,
      // The loop below may kill several workers in a row.
      limits: { respawnMaxMs: 300 },
    });
    const { mediaPort } = server;
    server.killWorker();
    let holder: Awaited<ReturnType<typeof hold>> | undefined;
    // The first worker that is started in its place may be quicker: then that one is killed, too.
    while (!holder) {
      holder = await hold(mediaPort).catch(() => undefined);
      if (!holder && server.app.pool.workers.length > 0) server.killWorker();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const sentence = `MEDIA_PORT: port ${mediaPort} (UDP, 127.0.0.1) is taken by`;
    await waitUntil('the log names the port', () =>
      logRecords.some((line) => line.includes('does not start') && line.includes(sentence)),
    );
    holder.close();
    await waitUntil('the worker is replaced', () => server.app.pool.workers.length === 1);
    expect(server.worker().worker.closed).toBe(false);
  });
});
