// The library for batched sending (native/egress), built where there is a C compiler.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { alone, CACHE, logFile, makeWhole } from './cache.mjs';
import { contentsOf, inRoot, isProgram, libc, readJson } from './host.mjs';
import { hashOf } from './plan.mjs';
import { say, step } from './progress.mjs';
import { answers, quietly } from './shell.mjs';

const SOURCES = inRoot('native', 'egress');

/** Its path, or undefined where it cannot be built: the server does without and says so. */
export async function ensureEgress() {
  if (process.env.MEDIA_EGRESS_LIBRARY) return process.env.MEDIA_EGRESS_LIBRARY;
  if (process.platform !== 'linux') return undefined;
  const flags = readJson(join(SOURCES, 'flags.json'));
  const files = readdirSync(SOURCES).filter((name) => /\.[ch]$/.test(name));
  const recipe = hashOf([...contentsOf(files.map((name) => join(SOURCES, name))), ...flags]);
  const folder = join(CACHE, `egress-${process.platform}-${process.arch}-${libc()}-${recipe}`);
  const library = join(folder, 'egress.so');
  if (isProgram(library)) return library;
  if (!answers('cc', '--version')) {
    say('– Batched sending: there is no C compiler (cc), the server does without');
    return undefined;
  }
  const sources = files.filter((name) => name.endsWith('.c'));
  await alone(folder, () =>
    step('Batched sending, built once for this machine', async (update) => {
      if (isProgram(library)) return;
      try {
        await makeWhole(folder, (temporary) =>
          quietly('cc', [...flags, '-o', join(temporary, 'egress.so'), ...sources, '-ldl'], {
            purpose: 'Batched sending did not compile',
            log: logFile('egress'),
            cwd: SOURCES,
          }),
        );
      } catch (error) {
        update({ instead: `not built, the server does without (${error.message})` });
      }
    }),
  );
  return isProgram(library) ? library : undefined;
}
