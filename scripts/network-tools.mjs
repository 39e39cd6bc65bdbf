// What the network faults of the browser tests need: namespaces and packet drops. Only root can
// cause them, so for anybody else the tests say themselves that they were skipped.

import { findCommand, isRoot } from './host.mjs';
import { missingPackages } from './plan.mjs';
import { ensurePackages } from './system-packages.mjs';

const NEEDS = [
  { command: 'ip', debian: 'iproute2' },
  { command: 'iptables', debian: 'iptables' },
];

export async function ensureNetworkTools() {
  if (!isRoot || findCommand('apt-get') === undefined) return;
  const hasCommand = (command) => findCommand(command) !== undefined;
  const missing = missingPackages(NEEDS, { hasCommand, hasModule: () => false });
  await ensurePackages({ purpose: 'The network faults', missing, otherwise: '' });
}

/** For the line that a bench puts between two hosts. */
export async function ensureCompiler() {
  if (findCommand('cc') !== undefined) return;
  const otherwise = 'install a C compiler that is called cc';
  await ensurePackages({ purpose: 'The emulated line', missing: ['g++'], otherwise });
}
