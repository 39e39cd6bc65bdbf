// Installs node_modules from the lockfile. A stamp file in it records the lockfile that was installed.

import { readFileSync, writeFileSync } from 'node:fs';
import { withLock, logFile, requireSpace } from './cache.mjs';
import { inRoot, readJson, ROOT } from './host.mjs';
import { step } from './output.mjs';
import { hashOf, isInstalled } from './plan.mjs';
import { runLogged } from './shell.mjs';

const STAMP = inRoot('node_modules', '.onecast-stamp');

function readStamp() {
  try {
    return readFileSync(STAMP, 'utf8');
  } catch {
    return undefined;
  }
}

export async function ensureDependencies() {
  const lockText = readFileSync(inRoot('package-lock.json'), 'utf8');
  const stamp = hashOf([lockText, process.platform, process.arch]);
  if (readStamp() === stamp) return;
  await withLock(`npm in ${ROOT}`, async () => {
    if (readStamp() === stamp) return;
    if (!isInstalled(JSON.parse(lockText), readInstalled())) await install();
    writeFileSync(STAMP, stamp);
  });
}

/** npm's record of what is installed; it also exists after an `npm ci` by hand. */
function readInstalled() {
  return readJson(inRoot('node_modules', '.package-lock.json')) ?? { packages: {} };
}

async function install() {
  requireSpace(ROOT, 600);
  await step('npm packages from the lockfile', async () => {
    // --include=dev, because NODE_ENV=production would leave out the tools for building and testing.
    // Install scripts are not run, because mediasoup's would build the worker in its own way.
    const args = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
    await runLogged('npm', args, {
      purpose: 'npm could not install the packages',
      log: logFile('npm'),
      fix: 'run npm ci, which reports more, and then the same command again',
      cwd: ROOT,
    });
  });
}
