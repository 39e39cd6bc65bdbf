// Does a worker binary run here?

import { spawnSync } from 'node:child_process';
import { inRoot, isProgram } from '../../scripts/host.mjs';

/** mediasoup's own test: without MEDIASOUP_VERSION a worker that starts at all ends with 41. */
export function starts(binary) {
  return isProgram(binary) && spawnSync(binary, { env: {}, stdio: 'ignore' }).status === 41;
}

// A worker that listens on UDP and TCP, dumps that, and ends.
const PROGRAM = `
import { createWorker } from 'mediasoup';
const worker = await createWorker({ workerBin: process.argv[1] });
const listenInfos = ['udp', 'tcp'].map((protocol) => ({ protocol, ip: '127.0.0.1' }));
const server = await worker.createWebRtcServer({ listenInfos });
const { udpSockets, tcpServers } = await server.dump();
await worker.createRouter();
if (udpSockets.length !== 1 || tcpServers.length !== 1) throw new Error('it does not listen');
worker.close();
`;

/** What is wrong with the worker when mediasoup uses it; undefined if nothing is. */
export function serves(node, binary) {
  const args = ['--input-type=module', '-e', PROGRAM, binary];
  const env = { ...process.env, NODE_OPTIONS: '' };
  const run = spawnSync(node, args, { cwd: inRoot(), env, encoding: 'utf8', timeout: 20_000 });
  if (run.status === 0) return undefined;
  return /^\w*Error.*$/m.exec(run.stderr)?.[0] ?? `exit ${run.status ?? run.signal}`;
}
