import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { NODE_PINS, WORKER_PINS } from './pins.mjs';

const NAME = 'node-test-x64';
const VERSION = '1.2.3';

let folder;
let registry;
let integrity;
let installNode;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'onecast-node-'));
  mkdirSync(join(folder, 'package', 'bin'), { recursive: true });
  writeFileSync(
    join(folder, 'package', 'package.json'),
    `{"name":"${NAME}","version":"${VERSION}"}`,
  );
  writeFileSync(join(folder, 'package', 'bin', 'node'), 'node');
  execFileSync('tar', ['-czf', 'package.tgz', 'package'], { cwd: folder });
  const tarball = readFileSync(join(folder, 'package.tgz'));
  integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  // Like a hijacked registry, this one states the hash of its own package: only our pin can detect it.
  registry = createServer((request, response) => {
    if (request.url.endsWith('.tgz')) return response.end(tarball);
    const dist = { tarball: `${base()}/${NAME}/-/${NAME}-${VERSION}.tgz`, integrity };
    const versions = { [VERSION]: { name: NAME, version: VERSION, dist } };
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ name: NAME, 'dist-tags': { latest: VERSION }, versions }));
  });
  await new Promise((resolve) => registry.listen(0, '127.0.0.1', resolve));
  const base = () => `http://127.0.0.1:${registry.address().port}`;
  vi.stubEnv('npm_config_registry', base());
  vi.stubEnv('npm_config_cache', join(folder, 'npm-cache'));
  vi.stubEnv('npm_config_package_lock', 'false');
  vi.stubEnv('ONECAST_CACHE', join(folder, 'cache'));
  vi.resetModules();
  ({ installNode } = await import('./runtime.mjs'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  registry.close();
  rmSync(folder, { recursive: true, force: true });
});

test('SETUP-1 a Node with the pinned hash is installed', async () => {
  const target = join(folder, 'cache', 'node');
  await installNode({ name: NAME, version: VERSION, integrity, folder: target });
  expect(readFileSync(join(target, 'bin', 'node'), 'utf8')).toBe('node');
});

test('SETUP-1 a Node with another hash is refused, even if the registry vouches for it', async () => {
  const target = join(folder, 'cache', 'other');
  const other = `sha512-${createHash('sha512').update('other').digest('base64')}`;
  const attempt = installNode({ name: NAME, version: VERSION, integrity: other, folder: target });
  await expect(attempt).rejects.toThrow(/could not be installed.*[Ii]ntegrity/);
  expect(readdirSync(join(folder, 'cache'))).not.toContain('other');
});

test('SETUP-1 each pin is a complete hash', () => {
  for (const [name, pin] of Object.entries(NODE_PINS.packages)) {
    expect(name).toMatch(/^node-(linux|darwin)-(x64|arm64)$/);
    expect(pin).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
  }
  for (const [file, pin] of Object.entries(WORKER_PINS)) {
    expect(file).toMatch(/^mediasoup-worker-[\d.]+-\w+-\w+(-kernel\d+)?\.tgz$/);
    expect(pin).toMatch(/^sha256:[0-9a-f]{64}$/);
  }
});
