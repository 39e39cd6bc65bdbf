import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isRoot } from './host.mjs';

let cache;
let worker;
let ensureWorker;
beforeEach(async () => {
  cache = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'onecast-worker-')));
  vi.stubEnv('ONECAST_CACHE', cache);
  vi.stubEnv('MEDIASOUP_WORKER_BIN', '');
  vi.stubEnv('ONECAST_PREBUILT_WORKER', '');
  vi.resetModules();
  const module = await import('./media-worker.mjs');
  ensureWorker = module.ensureWorker;
  plant(module.workerFolder());
});
afterEach(() => {
  vi.unstubAllEnvs();
  fs.rmSync(cache, { recursive: true, force: true });
});

/** A program that shows that it was run, and then exits as a worker does. */
function plant(folder) {
  worker = join(folder, 'mediasoup-worker');
  fs.mkdirSync(folder);
  fs.chmodSync(folder, 0o755);
  fs.writeFileSync(worker, `#!/bin/sh\n: > '${join(cache, 'was-run')}'\nexit 41\n`);
  fs.chmodSync(worker, 0o755);
}
const wasRun = () => fs.existsSync(join(cache, 'was-run'));

describe('SETUP-2 a worker in the cache', () => {
  test('that belongs to this user alone is run', async () => {
    expect(await ensureWorker(process.execPath)).toBe(worker);
    expect(wasRun()).toBe(true);
  });

  test.each([
    ['whose file others can change', () => fs.chmodSync(worker, 0o775)],
    ['whose folder others can change', () => fs.chmodSync(join(worker, '..'), 0o757)],
    ['in a cache that others can change', () => fs.chmodSync(cache, 0o777)],
    ['of another user', () => (isRoot ? fs.chownSync(worker, 54_321, 54_321) : false)],
  ])('%s is not', async (_name, spoil) => {
    if (spoil() === false) return;
    await expect(ensureWorker(process.execPath)).rejects.toThrow('Nothing in the cache is run');
    expect(wasRun()).toBe(false);
  });
});
