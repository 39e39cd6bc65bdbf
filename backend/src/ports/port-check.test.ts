import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readConfig } from '#config/env.ts';
import { freePorts } from '#testkit/server/ports.ts';
import { assertPorts, faultsOf, namePortFault, sentencesOf, wantedPorts } from './port-check.ts';

const isLinux = process.platform === 'linux';

async function config(env: Record<string, string> = {}) {
  const [port, metrics, media] = [await freePorts(), await freePorts(), await freePorts(2)];
  return readConfig({
    HOST: '127.0.0.1',
    PORT: String(port),
    METRICS_PORT: String(metrics),
    MEDIA_PORT: String(media),
    MEDIA_LISTEN_ADDRESS: '127.0.0.1',
    WORKERS: '2',
    ...env,
  });
}

async function holdUdp(port: number) {
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function holdTcp(port: number) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const problems = async (of: Awaited<ReturnType<typeof config>>) =>
  sentencesOf(await faultsOf(wantedPorts(of), 0));

describe('SRV-12 ports are checked before anything starts', () => {
  it('free ports, and port 0, are no problem, twice in a row', async () => {
    const free = await config();
    expect(await problems(free)).toEqual([]);
    expect(await problems(free)).toEqual([]);
    expect(await problems(await config({ PORT: '0', METRICS_PORT: '0' }))).toEqual([]);
  });

  it('each taken port has a sentence with its variable, the port, who has it, and a free one', async () => {
    const taken = await config();
    const holders = [
      await holdTcp(taken.port),
      await holdTcp(taken.metrics?.port ?? 0),
      await holdUdp(taken.mediaPort + 1),
    ];
    const [pages = '', metrics = '', media = '', ...more] = await problems(taken);
    expect(more).toEqual([]);
    expect(pages).toContain(`PORT: port ${taken.port} (TCP, 127.0.0.1) is taken by`);
    expect(metrics).toContain('METRICS=off');
    expect(media).toContain(`MEDIA_PORT: port ${taken.mediaPort + 1} (UDP, 127.0.0.1) is taken`);
    for (const sentence of [pages, metrics, media]) {
      expect(sentence).toContain(isLinux ? `(process ${process.pid})` : 'another program');
      expect(sentence).toMatch(/PORT=\d+/);
    }
    for (const holder of holders) holder.close();
  });

  it('a media port taken for TCP only is a problem as well', async () => {
    const taken = await config();
    const holder = await holdTcp(taken.mediaPort);
    expect((await problems(taken)).join()).toContain(`port ${taken.mediaPort} (TCP, 127.0.0.1)`);
    holder.close();
  });

  it('an address that this machine lacks is named with its variable, also with port 0', async () => {
    const [sentence, ...more] = await problems(await config({ HOST: '192.0.2.1', PORT: '0' }));
    expect(sentence).toMatch(/^HOST: 192\.0\.2\.1 is not an address of this machine.*0\.0\.0\.0/);
    expect(more).toEqual([]);
    const media = await problems(await config({ MEDIA_LISTEN_ADDRESS: '192.0.2.1' }));
    expect(media.join()).toMatch(/^MEDIA_LISTEN_ADDRESS: /);
  });

  it('a port that becomes free in time is no problem', async () => {
    const taken = await config();
    const holder = await holdUdp(taken.mediaPort);
    const checked = assertPorts(taken, 60_000);
    holder.close();
    await expect(checked).resolves.toBeUndefined();
  });

  it('the start fails with all sentences, and does not wait for an address', async () => {
    const wrong = await config({ HOST: '192.0.2.1', METRICS_HOST: '192.0.2.1' });
    await expect(assertPorts(wrong, 60_000)).rejects.toThrow(/HOST.*\n.*METRICS_HOST/);
  });

  it('an error of a worker about its port gets the same sentence; other errors stay', async () => {
    const taken = await config();
    const holder = await holdUdp(taken.mediaPort);
    const raw = new Error('uv_udp_bind() failed: address already in use');
    await expect(namePortFault(raw, wantedPorts(taken))).rejects.toThrow(/^MEDIA_PORT: port/);
    holder.close();
    await expect(namePortFault(raw, wantedPorts(taken))).rejects.toBe(raw);
    const other = new Error('out of memory');
    await expect(namePortFault(other, wantedPorts(taken))).rejects.toBe(other);
  });
});
