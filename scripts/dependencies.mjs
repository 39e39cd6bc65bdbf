// node_modules as the lockfile says. A stamp in it tells which lockfile it was made from.

import { readFileSync, writeFileSync } from 'node:fs';
import { alone, logFile, requireSpace } from './cache.mjs';
import { inRoot, readJson, ROOT } from './host.mjs';
import { hashOf, isInstalled } from './plan.mjs';
import { step } from './progress.mjs';
import { quietly } from './shell.mjs';

const STAMP = inRoot('node_modules', '.onecast-stamp');

function readStamp() {
  try {
    return readFileSync(STAMP, 'utf8');
  } catch {
    return undefined;
  }
}

export async function ensureDependencies() {
  const lockText = readFileSync(inRoot('package-lock.json'));
  const stamp = hashOf([lockText, process.platform, process.arch]);
  if (readStamp() === stamp) return;
  await alone(`npm in ${ROOT}`, async () => {
    if (readStamp() === stamp) return;
    if (!isInstalled(JSON.parse(lockText), readInstalled())) await install();
    writeFileSync(STAMP, stamp);
  });
}

/** What npm says is there; also where somebody has run `npm ci` by hand. */
function readInstalled() {
  return readJson(inRoot('node_modules', '.package-lock.json')) ?? { packages: {} };
}

async function install() {
  requireSpace(ROOT, 600);
  await step('npm packages from the lockfile', async () => {
    // NODE_ENV=production would leave out what builds and tests. Install scripts are not run:
    // mediasoup's would build the worker its own way.
    const args = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
    await quietly('npm', args, {
      purpose: 'npm could not install the packages',
      log: logFile('npm'),
      mend: 'npm ci, which tells more, and then the same command again',
      cwd: ROOT,
    });
  });
}
