import { join } from 'node:path';
import { build } from 'vite';

/** One script with everything that `entry` (a path below bench/) imports. Writes no files. */
export async function bundle(entry: string): Promise<string> {
  const built = await build({
    root: join(import.meta.dirname, '../..'),
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      minify: false,
      lib: { entry: join(import.meta.dirname, '..', entry), formats: ['iife'], name: 'bench' },
    },
  });
  for (const output of [built].flat()) {
    if (!('output' in output)) continue;
    for (const file of output.output) if (file.type === 'chunk') return file.code;
  }
  throw new Error(`${entry}: the build has no output`);
}
