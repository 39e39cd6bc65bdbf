// Node that runs TypeScript: the host's own, or one from the npm registry, kept in the cache.

import { delimiter, dirname, join } from 'node:path';
import { alone, CACHE, logFile, makeWhole, requireSpace } from './cache.mjs';
import { Failure } from './failure.mjs';
import { isProgram } from './host.mjs';
import { NODE_VERSION, nodePackage, runsTypeScript } from './plan.mjs';
import { step } from './progress.mjs';
import { quietly } from './shell.mjs';
import { renameSync } from 'node:fs';

/** Puts a fit Node first on PATH for all that we start, and gives its path. */
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
    await alone(folder, async () => {
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
    await makeWhole(folder, async (temporary) => {
      const wanted = `${name}@${NODE_VERSION}`;
      const place = ['--prefix', temporary, '--ignore-scripts', '--no-save', '--no-package-lock'];
      await quietly('npm', ['install', ...place, '--no-audit', '--no-fund', wanted], {
        purpose: `Node ${NODE_VERSION} could not be had from the npm registry`,
        log: logFile('node'),
        mend: `npm view ${wanted} version, or install Node ${NODE_VERSION} or newer yourself`,
        cwd: temporary,
      });
      renameSync(join(temporary, 'node_modules', name, 'bin'), join(temporary, 'bin'));
    });
  });
}
