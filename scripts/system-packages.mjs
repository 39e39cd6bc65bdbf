// Debian packages that some tasks need. Root with apt-get installs them; anyone else gets the command
// to run.

import { existsSync } from 'node:fs';
import { logFile } from './cache.mjs';
import { findCommand, isRoot } from './host.mjs';
import { Failure, step } from './output.mjs';
import { aptProgress, missingPackages, packagePlan } from './plan.mjs';
import { runLogged } from './shell.mjs';

/** `otherwise` says what to do if there is no apt-get. */
export async function ensurePackages({ purpose, missing, otherwise }) {
  const hasApt = findCommand('apt-get') !== undefined;
  const plan = packagePlan({ purpose, missing, hasApt, isRoot, otherwise });
  if (plan.action === 'refuse') throw new Failure(plan.message, plan.fix);
  if (plan.action === 'none') return;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const list = plan.packages.join(' ');
  const fix = `apt-get update && apt-get install -y --no-install-recommends ${list}`;
  const log = logFile('apt-get');
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  await step(`Debian packages: ${list}`, async (update) => {
    update({ note: 'reading the package lists' });
    const purposeOf = (command) => `${purpose} needs packages, and ${command} failed`;
    await runLogged('apt-get', ['update', ...wait], {
      purpose: purposeOf('apt-get update'),
      log,
      fix,
      env,
    });
    const options = ['-y', '--no-install-recommends', '-o', 'APT::Status-Fd=3', ...wait];
    await runLogged('apt-get', ['install', ...options, ...plan.packages], {
      purpose: purposeOf('apt-get install'),
      log,
      fix,
      env,
      onStatus: (line) => update(aptProgress(line)),
    });
  });
}

/** Programs that the network faults of the browser tests need: namespaces and packet drops. */
const NETWORK_NEEDS = [
  { command: 'ip', debian: 'iproute2' },
  { command: 'iptables', debian: 'iptables' },
];

/** Does nothing without root: only root can cause such faults, and the tests then skip themselves. */
export async function ensureNetworkTools() {
  if (!isRoot || findCommand('apt-get') === undefined) return;
  const hasCommand = (command) => findCommand(command) !== undefined;
  const missing = missingPackages(NETWORK_NEEDS, { hasCommand, hasModule: () => false });
  await ensurePackages({ purpose: 'The network faults', missing, otherwise: '' });
}

/** For the emulated link that a bench puts between two network namespaces. */
export async function ensureCompiler() {
  if (findCommand('cc') !== undefined) return;
  const otherwise = 'install a C compiler that is called cc';
  await ensurePackages({ purpose: 'The emulated link', missing: ['g++'], otherwise });
}

const OPENSSL = '/usr/include/openssl/ssl.h';
const LIBSRTP = '/usr/include/srtp2/srtp.h';
const PION = '/usr/share/gocode/src/github.com/pion/webrtc/go.mod';

/** Pairs of what is looked for, and the Debian package that has it. */
const loadgenNeeds = () => [
  [findCommand('cc'), 'gcc'],
  [findCommand('taskset'), 'util-linux'],
  [existsSync(OPENSSL), 'libssl-dev'],
  [existsSync(LIBSRTP), 'libsrtp2-dev'],
];

/** The other servers that the bench compares with. */
const peerNeeds = () => [
  [findCommand('janus'), 'janus'],
  [findCommand('go'), 'golang-go'],
  [existsSync(PION), 'golang-github-pion-webrtc.v3-dev'],
];

/** For the load generator only. */
export const ensureLoadgenTools = () => ensureBenchPackages(loadgenNeeds());

export const ensureBenchTools = () => ensureBenchPackages([...loadgenNeeds(), ...peerNeeds()]);

async function ensureBenchPackages(needs) {
  await ensurePackages({
    purpose: 'The bench',
    missing: needs.filter(([found]) => !found).map(([, debian]) => debian),
    otherwise: 'run it on Debian 12 or later',
  });
}
