/**
 * The layer rules of docs/architecture.md are held by the lint configuration and by one tsconfig a
 * layer. Here a forbidden import is added to each layer of a small copy, and the tools must refuse it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const ARTIFACTS = join(ROOT, 'tests/.artifacts');
const bin = (path: string) => join(ROOT, 'node_modules', path);

mkdirSync(ARTIFACTS, { recursive: true });
// The linter leaves out what git ignores; the compiler finds packages below the checkout only.
const forLint = mkdtempSync(join(tmpdir(), 'onecast-layers-'));
const forTypes = mkdtempSync(join(ARTIFACTS, 'layers-'));
afterAll(() => {
  for (const folder of [forLint, forTypes]) rmSync(folder, { recursive: true, force: true });
});

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const run = (cwd: string, program: string, ...args: string[]) =>
  spawnSync(process.execPath, [bin(program), ...args], { cwd, encoding: 'utf8' });

describe('imports between layers', () => {
  const FORBIDDEN: readonly (readonly [file: string, source: string])[] = [
    ['protocol/a.ts', '#config/limits.ts'],
    ['protocol/b.ts', '../backend/src/app.ts'],
    ['protocol/c.ts', 'node:fs'],
    ['config/a.ts', '#backend/app.ts'],
    ['client/src/a.ts', '#backend/app.ts'],
    ['client/src/b.ts', '#config/limits.ts'],
    ['client/src/media/c.ts', '../../../frontend/src/join/main.ts'],
    ['client/src/d.ts', 'node:fs'],
    ['frontend/src/join/a.ts', '#backend/app.ts'],
    ['frontend/src/join/b.ts', '#config/limits.ts'],
    ['frontend/src/join/c.ts', 'mediasoup'],
    ['backend/src/a.ts', '#client/index.ts'],
    ['backend/src/b.ts', '../../frontend/src/join/main.ts'],
    ['backend/src/c.ts', '#testkit/server.ts'],
    ['backend/src/rooms/d.ts', 'mediasoup'],
  ];
  const ALLOWED: readonly (readonly [file: string, source: string])[] = [
    ['config/ok.ts', '#protocol/ids.ts'],
    ['client/src/ok.ts', '#protocol/ids.ts'],
    ['frontend/src/join/ok.ts', '#client/index.ts'],
    ['backend/src/rooms/ok.ts', '#config/limits.ts'],
    ['backend/src/media/ok.ts', 'mediasoup'],
  ];
  const refused = new Map<string, string[]>();
  const add = (file: string, text: string) => write(join(forLint, file), text);

  beforeAll(() => {
    const config: unknown = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8'));
    // Rules that need types would need the whole project here.
    add('.oxlintrc.json', JSON.stringify({ ...Object(config), options: {} }));
    for (const [file, source] of [...FORBIDDEN, ...ALLOWED]) {
      add(file, `import type * as other from '${source}';\nexport type Other = typeof other;\n`);
    }
    add('backend/src/x.ts', "import type { Y } from './y.ts';\nexport type X = Y[];\n");
    add('backend/src/y.ts', "import type { X } from './x.ts';\nexport type Y = X | string;\n");
    const { stdout } = run(forLint, 'oxlint/bin/oxlint', '--format=json');
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { filename: string; code: string }[];
    };
    for (const { filename, code } of diagnostics) {
      refused.set(filename, [...(refused.get(filename) ?? []), code]);
    }
  });

  test.each(FORBIDDEN)('%s may not import %s', (file) => {
    expect(refused.get(file)).toEqual(['eslint(no-restricted-imports)']);
  });

  test.each(ALLOWED)('%s may import %s', (file) => {
    expect(refused.get(file)).toBeUndefined();
  });

  test('two files may not import each other, not even types', () => {
    expect(refused.get('backend/src/x.ts')).toEqual(['import(no-cycle)']);
  });
});

describe('types of a layer', () => {
  const LAYERS = [
    ['the server', 'server', 'document.title', 'process.pid'],
    ['the pages', 'pages', 'process.pid', 'document.title'],
    ['the workers', 'workers', 'document.title', 'self.postMessage'],
    ['the scripts', 'scripts', 'process.noSuchThing', 'process.pid'],
  ] as const;

  test.each(LAYERS)(
    '%s (tsconfig.%s.json): %s is unknown, %s is known',
    (_layer, name, unknown, known) => {
      const folder = join(forTypes, name);
      const extension = name === 'scripts' ? 'mjs' : 'ts';
      const bad = write(join(folder, `bad.${extension}`), `export const value = ${unknown};\n`);
      const good = write(join(folder, `good.${extension}`), `export const value = ${known};\n`);
      const check = (file: string) => {
        const settings = {
          extends: join(ROOT, 'scripts', `tsconfig.${name}.json`),
          files: [file],
          include: [],
          exclude: [],
        };
        const project = write(join(folder, 'tsconfig.json'), JSON.stringify(settings));
        return run(folder, 'typescript/bin/tsc', '-p', project);
      };
      expect(check(good)).toMatchObject({ status: 0 });
      const { status, stdout } = check(bad);
      expect(status).not.toBe(0);
      expect(stdout).toMatch(/bad\.\w+\(1,\d+\): error TS/);
    },
  );
});
