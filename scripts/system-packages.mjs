// Debian packages, where we are root and there is an apt-get; else the line for whoever is.

import { logFile } from './cache.mjs';
import { Failure } from './failure.mjs';
import { findCommand, isRoot } from './host.mjs';
import { aptProgress, packagePlan } from './plan.mjs';
import { step } from './progress.mjs';
import { quietly } from './shell.mjs';

/** `otherwise` is what to do where there is no apt-get. */
export async function ensurePackages({ purpose, missing, otherwise }) {
  const hasApt = findCommand('apt-get') !== undefined;
  const plan = packagePlan({ purpose, missing, hasApt, isRoot, otherwise });
  if (plan.action === 'refuse') throw new Failure(plan.message, plan.mend);
  if (plan.action === 'none') return;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const list = plan.packages.join(' ');
  const mend = `apt-get update && apt-get install -y --no-install-recommends ${list}`;
  const log = logFile('apt-get');
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  await step(`Debian packages: ${list}`, async (update) => {
    update({ note: 'reading the package lists' });
    const purposeOf = (what) => `${purpose} needs packages, and ${what} failed`;
    await quietly('apt-get', ['update', ...wait], {
      purpose: purposeOf('apt-get update'),
      log,
      mend,
      env,
    });
    const options = ['-y', '--no-install-recommends', '-o', 'APT::Status-Fd=3', ...wait];
    await quietly('apt-get', ['install', ...options, ...plan.packages], {
      purpose: purposeOf('apt-get install'),
      log,
      mend,
      env,
      onStatus: (line) => update(aptProgress(line)),
    });
  });
}
