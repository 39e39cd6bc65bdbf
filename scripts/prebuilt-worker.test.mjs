import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import { release, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { prebuiltUrl } from './plan.mjs';
import { isRoot } from './host.mjs';

// The archive holds a program that shows that it was run. Its behaviour on a real start is mediasoup's.
vi.mock('../native/worker-build/trial.mjs', async () => {
  const { execFileSync: run } = await import('node:child_process');
  return { starts: (binary) => run(binary).length === 0, findFault: () => undefined };
});

const VERSION = '9.9.9';
const STRANGER = 54_321;

let folder;
let server;
let repository;
let file;
let hash;
let requests = 0;
let fetchPrebuilt;
beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'onecast-prebuilt-'));
  const program = join(folder, 'mediasoup-worker');
  fs.writeFileSync(program, `#!/bin/sh\ntouch '${join(folder, 'was-run')}'\n`);
  fs.chmodSync(program, 0o777);
  if (isRoot) fs.chownSync(program, STRANGER, STRANGER);
  execFileSync('tar', ['-czf', 'worker.tgz', 'mediasoup-worker'], { cwd: folder });
  const archive = fs.readFileSync(join(folder, 'worker.tgz'));
  hash = `sha256:${createHash('sha256').update(archive).digest('hex')}`;
  server = createServer((_request, response) => {
    requests += 1;
    response.end(archive);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  repository = `http://127.0.0.1:${server.address().port}/mediasoup.git`;
  const { platform, arch } = process;
  const url = prebuiltUrl({ repository, version: VERSION, platform, arch, osRelease: release() });
  file = basename(url);
  vi.stubEnv('ONECAST_CACHE', join(folder, 'cache'));
  vi.resetModules();
  ({ fetchPrebuilt } = await import('./prebuilt-worker.mjs'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

let target;
beforeEach(() => {
  requests = 0;
  target = fs.mkdtempSync(join(folder, 'target-'));
});
afterEach(() => fs.rmSync(join(folder, 'was-run'), { force: true }));

const binary = () => join(target, 'mediasoup-worker');
const wasRun = () => fs.existsSync(join(folder, 'was-run'));
const attempt = (options) =>
  fetchPrebuilt({ repository, version: VERSION, binary: binary(), node: '', ...options });

describe('SETUP-1 a prebuilt worker', () => {
  test('with the pinned hash is used', async () => {
    expect(await attempt({ pins: { [file]: hash } })).toBe(true);
    expect(wasRun()).toBe(true);
    expect(fs.readdirSync(target)).toEqual(['mediasoup-worker']);
  });

  test('belongs to this user, whatever the archive says', async () => {
    await attempt({ pins: { [file]: hash } });
    const { uid, mode } = fs.statSync(binary());
    expect({ uid, open: mode & 0o022 }).toEqual({ uid: process.getuid(), open: 0 });
  });

  test('with another hash is neither unpacked nor run, even if unchecked ones are allowed', async () => {
    const pins = { [file]: hash.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) };
    expect(await attempt({ pins })).toBe(false);
    expect(await attempt({ pins, unchecked: true })).toBe(false);
    expect(wasRun()).toBe(false);
    expect(fs.readdirSync(target)).toEqual([]);
  });

  test('without a known hash is not even downloaded', async () => {
    expect(await attempt({ pins: {} })).toBe(false);
    expect(await attempt({ pins: { [`${file}.other`]: hash } })).toBe(false);
    expect(await attempt({})).toBe(false);
    expect(requests).toBe(0);
  });

  test('without a known hash is used if the user allows it', async () => {
    expect(await attempt({ pins: {}, unchecked: true })).toBe(true);
    expect(wasRun()).toBe(true);
  });
});
