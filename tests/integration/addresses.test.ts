import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { networkUnavailable, TestNetwork } from '#testkit/network/test-network.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const PROBE = join(import.meta.dirname, '../../scripts/probe.mjs');
const unavailable = networkUnavailable();
if (unavailable) console.warn(`SKIPPED: addresses that change. ${unavailable}`);

describe.skipIf(unavailable !== undefined)('a server with nothing configured but HOST=::', () => {
  let network: TestNetwork;
  let server: ServerProcess;

  beforeAll(async () => {
    network = new TestNetwork(1);
    server = await ServerProcess.start({
      prefix: network.serverPrefix,
      env: { HOST: '::', MEDIA_LISTEN_ADDRESS: '', ANNOUNCED_ADDRESS: '' },
    });
  });
  afterAll(async () => {
    await server?.stop();
    network?.close();
  });

  const address = (...args: string[]) =>
    execFileSync('ip', ['-n', network.serverNamespace, 'addr', ...args, 'dev', 'm1']);

  /** The addresses whose media answers over UDP and over TCP, as a page that comes by this host gets them. */
  async function answering(host: string): Promise<string[]> {
    const [command = '', ...args] = network.serverPrefix;
    const url = `http://${host}:${server.port}`;
    const run = promisify(execFile)(command, [...args, process.execPath, PROBE, url]);
    const { stdout } = await run;
    const of = (protocol: string) =>
      [...stdout.matchAll(new RegExp(`media ${protocol} (\\S+):\\d+ answers`, 'g'))].map(
        ([, found = '']) => found,
      );
    expect(of('udp')).toEqual(of('tcp'));
    return of('udp');
  }

  it('REACH-5 a page gets the addresses of the moment, and media answers on each', async () => {
    expect(await answering('10.77.1.1')).toEqual(['10.77.1.1', '127.0.0.1']);
    address('add', '10.88.2.1/24');
    address('del', '10.77.1.1/24');
    expect(await answering('10.88.2.1')).toEqual(['10.88.2.1', '127.0.0.1']);
    await waitUntil('the log has a line', () => server.printed('has other addresses now') > 0);
  });

  it('REACH-6 the same over IPv6, also if there is nothing else', async () => {
    address('add', 'fd00:77::1/64', 'nodad');
    expect(await answering('[fd00:77::1]')).toEqual(['10.88.2.1', 'fd00:77::1', '127.0.0.1']);
    address('del', '10.88.2.1/24');
    expect(await answering('[fd00:77::1]')).toEqual(['fd00:77::1', '127.0.0.1']);
  });
});
