// What the bench compares with and measures by: Debian's Janus and Pion, and a C compiler with the
// libraries of the load generator.

import { existsSync } from 'node:fs';
import { findCommand } from './host.mjs';
import { ensurePackages } from './system-packages.mjs';

const OPENSSL = '/usr/include/openssl/ssl.h';
const LIBSRTP = '/usr/include/srtp2/srtp.h';
const PION = '/usr/share/gocode/src/github.com/pion/webrtc/go.mod';

const loadgen = () => [
  [findCommand('cc'), 'gcc'],
  [findCommand('taskset'), 'util-linux'],
  [existsSync(OPENSSL), 'libssl-dev'],
  [existsSync(LIBSRTP), 'libsrtp2-dev'],
];

const peers = () => [
  [findCommand('janus'), 'janus'],
  [findCommand('go'), 'golang-go'],
  [existsSync(PION), 'golang-github-pion-webrtc.v3-dev'],
];

/** For the load generator alone. */
export const ensureLoadgenTools = () => ensureTools(loadgen());

export const ensureBenchTools = () => ensureTools([...loadgen(), ...peers()]);

async function ensureTools(lacking) {
  await ensurePackages({
    purpose: 'The bench',
    missing: lacking.filter(([found]) => !found).map(([, debian]) => debian),
    otherwise: 'run it on Debian 12 or later',
  });
}
