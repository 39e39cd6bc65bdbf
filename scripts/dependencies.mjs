// node_modules as the lockfile says. A stamp in it tells which lockfile it was made from.

import { readFileSync, writeFileSync } from 'node:fs';
import { alone, logFile, requireSpace } from './cache.mjs';
import { Failure } from './failure.mjs';
import { inRoot, readJson, ROOT } from './host.mjs';
import { hashOf, isInstalled, lockFits } from './plan.mjs';
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
    const lock = JSON.parse(lockText);
    if (!lockFits(readJson(inRoot('package.json')), lock)) {
      throw new Failure('package-lock.json is not that of package.json', 'npm install');
    }
    if (!isLocked(lock)) await install();
    if (!isLocked(lock)) {
      throw new Failure('npm installed other packages than the lockfile names', MEND);
    }
    writeFileSync(STAMP, stamp);
  });
}

const MEND = 'rm -rf node_modules, and then the same command again';

function isLocked(lock) {
  const installed = readJson(inRoot('node_modules', '.package-lock.json'));
  return installed !== undefined && isInstalled(lock, installed);
}

async function install() {
  requireSpace(ROOT, 600);
  await step('npm packages from the lockfile', async () => {
    // Not `npm ci`: it refuses a lockfile that lacks an optional package for some other platform,
    // and a lockfile written behind a partial mirror of the registry does. Without saving, and
    // with the checks around it, `npm install` is as strict for all that matters here.
    // NODE_ENV=production would leave out what builds and tests. Install scripts are not run:
    // mediasoup's would build the worker its own way.
    const args = ['install', '--no-save', '--ignore-scripts', '--include=dev'];
    await quietly('npm', [...args, '--no-audit', '--no-fund'], {
      purpose: 'npm could not install the packages',
      log: logFile('npm'),
      mend: 'npm install --no-save, which tells more, and then the same command again',
      cwd: ROOT,
    });
  });
}
