// Builds the pages with Vite if their sources have changed.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { logFile, withLock } from './cache.mjs';
import { contentsOf, inRoot, ROOT } from './host.mjs';
import { step } from './output.mjs';
import { hashOf } from './plan.mjs';
import { runLogged } from './shell.mjs';

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
  await withLock(`vite build in ${ROOT}`, async () => {
    // Computed before the build, so that a change during the build causes another build next time.
    const stamp = sources();
    if (readStamp() === stamp) return;
    await step('The pages', async () => {
      const vite = inRoot('node_modules', 'vite', 'bin', 'vite.js');
      await runLogged(node, [vite, 'build', 'frontend'], {
        purpose: 'The pages could not be built',
        log: logFile('frontend'),
        fix: 'run npx vite build frontend, which reports more',
        cwd: ROOT,
      });
      compress(join(DIST, 'assets'));
      writeFileSync(STAMP, stamp);
    });
  });
}
