// Provides a Node that runs TypeScript: the host's own, or one from the npm registry in the cache.

import { delimiter, dirname, join } from 'node:path';
import { withLock, CACHE, logFile, createAtomically, requireSpace } from './cache.mjs';
import { isProgram } from './host.mjs';
import { Failure, step } from './output.mjs';
import { NODE_PINS } from './pins.mjs';
import { NODE_VERSION, nodePackage, pinnedPackage, runsTypeScript } from './plan.mjs';
import { runLogged } from './shell.mjs';
import { requireOwn } from './trust.mjs';
import { renameSync, writeFileSync } from 'node:fs';

/** Puts such a Node first on the PATH of all programs that are started, and returns its path. */
export async function ensureRuntime() {
  if (runsTypeScript(process.versions.node)) return process.execPath;
  const { platform, arch } = process;
  const name = nodePackage(platform, arch);
  if (!name) {
    throw new Failure(
      `Node ${process.versions.node} is too old, and the set-up has no hash of one for ${platform}-${arch}`,
      `install Node ${NODE_VERSION} or newer and run the command again`,
    );
  }
  const folder = join(CACHE, `node-v${NODE_VERSION}-${platform}-${arch}`);
  const node = join(folder, 'bin', 'node');
  requireOwn(node);
  if (!isProgram(node)) {
    await withLock(folder, async () => {
      if (!isProgram(node)) await fetchNode(name, folder);
    });
  }
  process.env.PATH = `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`;
  return node;
}

async function fetchNode(name, folder) {
  const title = `Node ${NODE_VERSION} (this host has ${process.versions.node})`;
  const integrity = NODE_PINS.packages[name];
  requireSpace(CACHE, 400);
  await step(title, () => installNode({ name, version: NODE_VERSION, integrity, folder }));
}

/** Installs the package and fails if its hash is not `integrity`, whatever the registry says. */
export async function installNode({ name, version, integrity, folder }) {
  await createAtomically(folder, async (temporary) => {
    const { manifest, lock } = pinnedPackage(name, version, integrity);
    writeFileSync(join(temporary, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(temporary, 'package-lock.json'), JSON.stringify(lock));
    // --package-lock, because npm ci does nothing if the user's settings switch lockfiles off.
    const options = ['--prefix', temporary, '--ignore-scripts', '--package-lock'];
    await runLogged('npm', ['ci', ...options, '--no-audit', '--no-fund'], {
      purpose: `Node ${version} could not be installed from the npm registry`,
      log: logFile('node'),
      fix: `npm view ${name}@${version} version, or install Node ${version} or newer yourself`,
      cwd: temporary,
    });
    renameSync(join(temporary, 'node_modules', name, 'bin'), join(temporary, 'bin'));
  });
}
