// The pages, built by Vite when what they are made of has changed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { alone, logFile } from './cache.mjs';
import { contentsOf, inRoot, ROOT } from './host.mjs';
import { hashOf } from './plan.mjs';
import { step } from './progress.mjs';
import { quietly } from './shell.mjs';

const DIST = inRoot('frontend', 'dist');
const STAMP = inRoot('frontend', 'dist', '.onecast-stamp');

function sources() {
  const paths = [
    'frontend',
    'client',
    'protocol',
    'package.json',
    'package-lock.json',
    'scripts/frontend.mjs',
  ];
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

/** Writes compressed copies next to each script and style: a third of the size, two round trips fewer. */
function compress(folder) {
  for (const name of readdirSync(folder)) {
    if (!/\.(js|css)$/.test(name)) continue;
    const path = join(folder, name);
    const content = readFileSync(path);
    writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
    // At quality 11, which is Node's default.
    writeFileSync(`${path}.br`, brotliCompressSync(content));
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
