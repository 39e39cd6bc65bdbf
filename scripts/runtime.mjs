// Provides a Node that runs TypeScript: the host's own, or one from the npm registry in the cache.

import { delimiter, dirname, join } from 'node:path';
import { withLock, CACHE, logFile, createAtomically, requireSpace } from './cache.mjs';
import { isProgram } from './host.mjs';
import { Failure, step } from './output.mjs';
import { NODE_VERSION, nodePackage, runsTypeScript } from './plan.mjs';
import { runLogged } from './shell.mjs';
import { renameSync } from 'node:fs';

/** Puts such a Node first on the PATH of all programs that are started, and returns its path. */
export async function ensureRuntime() {
  if (runsTypeScript(process.versions.node)) return process.execPath;
  const { platform, arch } = process;
  const name = nodePackage(platform, arch);
  if (!name) {
    throw new Failure(
      `Node ${process.versions.node} is too old, and none is published for ${platform}-${arch}`,
      `install Node ${NODE_VERSION} or newer and run the command again`,
    );
  }
  const folder = join(CACHE, `node-v${NODE_VERSION}-${platform}-${arch}`);
  const node = join(folder, 'bin', 'node');
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
  requireSpace(CACHE, 400);
  await step(title, async () => {
    await createAtomically(folder, async (temporary) => {
      const wanted = `${name}@${NODE_VERSION}`;
      const options = ['--prefix', temporary, '--ignore-scripts', '--no-save', '--no-package-lock'];
      await runLogged('npm', ['install', ...options, '--no-audit', '--no-fund', wanted], {
        purpose: `Node ${NODE_VERSION} could not be installed from the npm registry`,
        log: logFile('node'),
        fix: `npm view ${wanted} version, or install Node ${NODE_VERSION} or newer yourself`,
        cwd: temporary,
      });
      renameSync(join(temporary, 'node_modules', name, 'bin'), join(temporary, 'bin'));
    });
  });
}
