// Tests whether a worker binary runs on this machine.

import { spawnSync } from 'node:child_process';
import { inRoot, isProgram } from '../../scripts/host.mjs';

/** mediasoup's own test: without MEDIASOUP_VERSION, a worker that can start exits with 41. */
export function starts(binary) {
  return isProgram(binary) && spawnSync(binary, { env: {}, stdio: 'ignore' }).status === 41;
}

// Starts a worker that listens on UDP and TCP, checks its dump, and closes it.
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

/** Lets mediasoup use the worker. Returns the error, or undefined if it works. */
export function findFault(node, binary) {
  const args = ['--input-type=module', '-e', PROGRAM, binary];
  const env = { ...process.env, NODE_OPTIONS: '' };
  const run = spawnSync(node, args, { cwd: inRoot(), env, encoding: 'utf8', timeout: 20_000 });
  if (run.status === 0) return undefined;
  return /^\w*Error.*$/m.exec(run.stderr)?.[0] ?? `exit ${run.status ?? run.signal}`;
}
