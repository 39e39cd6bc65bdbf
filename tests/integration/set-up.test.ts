import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePorts } from '#testkit/server/ports.ts';
import { serverVariables } from '#testkit/server/test-config.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Runs the program of a checkout in which no command has prepared anything. */
async function runFresh({ packages }: { packages: boolean }) {
  const folder = mkdtempSync(join(tmpdir(), 'onecast-fresh-'));
  try {
    for (const part of ['backend', 'config', 'protocol', 'native/egress', 'package.json']) {
      cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    }
    if (packages) symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const variables = serverVariables({ mediaPort: await freePorts(), workers: 1 });
    const env = { ...process.env, ...variables };
    const main = join(folder, 'backend/src/main.ts');
    return await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, [main], { env }, (error, _stdout, stderr) => {
        resolve({ code: error?.code, stderr });
      });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it.each([
  ['the npm packages', { packages: false }, /the npm package \S+ is missing.*npm start/],
  ['the pages', { packages: true }, /the pages are not built.*npm start/],
])('SRV-14 without %s the start ends with what to run', async (_what, prepared, words) => {
  const { code, stderr } = await runFresh(prepared);
  expect(stderr).toMatch(words);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
});
