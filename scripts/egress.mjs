// Builds the library for batched sending (native/egress) if there is a C compiler.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { withLock, CACHE, logFile, createAtomically } from './cache.mjs';
import { contentsOf, inRoot, isProgram, libc, readJson } from './host.mjs';
import { say, step } from './output.mjs';
import { hashOf } from './plan.mjs';
import { works, runLogged } from './shell.mjs';
import { requireOwn } from './trust.mjs';

const SOURCES = inRoot('native', 'egress');

/** Returns its path, or undefined if it can't be built: the server then runs without it and logs that. */
export async function ensureEgress() {
  if (process.env.MEDIA_EGRESS_LIBRARY) return process.env.MEDIA_EGRESS_LIBRARY;
  if (process.platform !== 'linux') return undefined;
  const flags = readJson(join(SOURCES, 'flags.json'));
  const files = readdirSync(SOURCES).filter((name) => /\.[ch]$/.test(name));
  const recipe = hashOf([...contentsOf(files.map((name) => join(SOURCES, name))), ...flags]);
  const folder = join(CACHE, `egress-${process.platform}-${process.arch}-${libc()}-${recipe}`);
  const library = join(folder, 'egress.so');
  requireOwn(library);
  if (isProgram(library)) return library;
  if (!works('cc', '--version')) {
    say('– Batched sending: there is no C compiler (cc), so the server runs without it');
    return undefined;
  }
  const sources = files.filter((name) => name.endsWith('.c'));
  await withLock(folder, () =>
    step('Batched sending, built once for this machine', async (update) => {
      if (isProgram(library)) return;
      try {
        await createAtomically(folder, (temporary) =>
          runLogged('cc', [...flags, '-o', join(temporary, 'egress.so'), ...sources, '-ldl'], {
            purpose: 'Batched sending did not compile',
            log: logFile('egress'),
            cwd: SOURCES,
          }),
        );
      } catch (error) {
        update({ instead: `not built, so the server runs without it (${error.message})` });
      }
    }),
  );
  return isProgram(library) ? library : undefined;
}
