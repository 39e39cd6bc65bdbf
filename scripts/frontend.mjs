// The pages, built by Vite when what they are made of has changed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { alone, logFile } from './cache.mjs';
import { contentsOf, inRoot, ROOT } from './host.mjs';
import { hashOf } from './plan.mjs';
import { step } from './progress.mjs';
import { quietly } from './shell.mjs';

const DIST = inRoot('frontend', 'dist');
const STAMP = inRoot('frontend', 'dist', '.onecast-stamp');

function sources() {
  const paths = ['frontend', 'client', 'protocol', 'package.json', 'package-lock.json'];
  return hashOf(
    contentsOf(
      paths.map((path) => inRoot(path)),
      { without: [DIST] },
    ),
  );
}

function readStamp() {
  try {
    return readFileSync(STAMP, 'utf8');
  } catch {
    return undefined;
  }
}

/** Beside each script and style the same compressed: a third, and two round trips fewer on a long line. */
function compress(folder) {
  for (const name of readdirSync(folder)) {
    if (!/\.(js|css)$/.test(name)) continue;
    const path = join(folder, name);
    writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
  }
}

export async function ensureFrontend(node) {
  if (readStamp() === sources()) return;
  await alone(`vite build in ${ROOT}`, async () => {
    // Taken before the build: a change during it makes another build the next time.
    const stamp = sources();
    if (readStamp() === stamp) return;
    await step('The pages', async () => {
      const vite = inRoot('node_modules', 'vite', 'bin', 'vite.js');
      await quietly(node, [vite, 'build', 'frontend'], {
        purpose: 'The pages could not be built',
        log: logFile('frontend'),
        mend: 'npx vite build frontend, which tells more',
        cwd: ROOT,
      });
      compress(join(DIST, 'assets'));
      writeFileSync(STAMP, stamp);
    });
  });
}
