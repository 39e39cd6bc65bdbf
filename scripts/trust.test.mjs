import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inRoot, isRoot, libc } from './host.mjs';
import { findWeakness, requireOwn } from './trust.mjs';

const STRANGER = 54_321;

let outer;
let cache;
let program;
beforeEach(() => {
  // Resolved, because on macOS the temporary folder is behind a link.
  outer = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'onecast-trust-')));
  cache = join(outer, 'cache');
  program = join(cache, 'thing', 'bin', 'program');
  fs.mkdirSync(dirname(program), { recursive: true });
  fs.writeFileSync(program, '');
  for (const path of [cache, join(cache, 'thing'), dirname(program), program]) {
    fs.chmodSync(path, 0o755);
  }
});
afterEach(() => fs.rmSync(outer, { recursive: true, force: true }));

const uid = process.getuid();
const weakness = (path = program) => findWeakness(path, { cache, uid });

describe('SETUP-2 what others could change is not run', () => {
  test('what belongs to this user alone is', () => {
    expect(weakness()).toBeUndefined();
    expect(() => requireOwn(program, { cache })).not.toThrow();
  });

  test('what does not exist yet is no fault', () => {
    expect(weakness(join(cache, 'other', 'program'))).toBeUndefined();
    expect(findWeakness(join(outer, 'none'), { cache: join(outer, 'none'), uid })).toBeUndefined();
  });

  test.each([
    ['the cache, writable by everybody', () => cache, 0o777],
    ['the cache, writable by its group', () => cache, 0o775],
    ['the cache, in the manner of /tmp', () => cache, 0o1777],
    ['a folder in the cache', () => join(cache, 'thing'), 0o757],
    ['the folder of the program', () => dirname(program), 0o775],
    ['the program, writable by everybody', () => program, 0o757],
    ['the program, writable by its group', () => program, 0o775],
    ['the folder above the cache', () => outer, 0o777],
  ])('%s', (_name, place, mode) => {
    fs.chmodSync(place(), mode);
    expect(weakness()).toMatchObject({ path: place(), kind: 'mode' });
    expect(() => requireOwn(program, { cache })).toThrow(
      `Nothing in the cache is run, because other users can write to ${place()}`,
    );
  });

  test('a folder above the cache may be like /tmp', () => {
    fs.chmodSync(outer, 0o1777);
    expect(weakness()).toBeUndefined();
  });

  test.runIf(isRoot).each([
    ['the cache', () => cache],
    ['a folder in the cache', () => join(cache, 'thing')],
    ['the program', () => program],
    ['the folder above the cache', () => outer],
  ])('%s of another user', (_name, place) => {
    fs.chownSync(place(), STRANGER, STRANGER);
    expect(weakness()).toMatchObject({ path: place(), kind: 'owner' });
    expect(() => requireOwn(program, { cache })).toThrow(
      `${place()} belongs to another user (${STRANGER})`,
    );
  });

  test.runIf(isRoot)('what root owns is trusted by other users', () => {
    expect(findWeakness(program, { cache, uid: STRANGER })).toBeUndefined();
  });

  test('a link is followed: what counts is where it leads', () => {
    const link = join(outer, 'link');
    fs.symlinkSync('cache', link);
    const through = join(link, 'thing', 'bin', 'program');
    expect(findWeakness(through, { cache: link, uid })).toBeUndefined();
    fs.chmodSync(cache, 0o1777);
    expect(findWeakness(through, { cache: link, uid })).toMatchObject({ path: cache });
  });

  test('a link inside the cache is followed too', () => {
    const elsewhere = join(outer, 'elsewhere');
    fs.writeFileSync(elsewhere, '');
    fs.rmSync(program);
    fs.symlinkSync(elsewhere, program);
    expect(weakness()).toBeUndefined();
    fs.chmodSync(elsewhere, 0o666);
    expect(weakness()).toMatchObject({ path: elsewhere });
  });

  test.runIf(isRoot)("another user's link", () => {
    const link = join(outer, 'link');
    fs.symlinkSync('cache', link);
    fs.lchownSync(link, STRANGER, STRANGER);
    expect(findWeakness(link, { cache: link, uid })).toMatchObject({ path: link, kind: 'owner' });
  });

  test('a loop of links', () => {
    const link = join(outer, 'link');
    fs.symlinkSync('link', link);
    expect(findWeakness(link, { cache: link, uid })?.reason).toContain('loop');
  });
});

/** Runs a task of the set-up with the cache of this test. */
function setUp(task) {
  const env = { ...process.env, ONECAST_CACHE: cache };
  delete env.MEDIASOUP_WORKER_BIN;
  delete env.MEDIA_EGRESS_LIBRARY;
  const args = [inRoot('scripts', 'run.mjs'), task];
  return spawnSync(process.execPath, args, { env, encoding: 'utf8', timeout: 60_000 });
}

describe('SETUP-2 the set-up refuses a cache that others could change', () => {
  test.each([
    ['writable by everybody', () => fs.chmodSync(cache, 0o777)],
    ['writable by its group', () => fs.chmodSync(cache, 0o775)],
    ['of another user', () => isRoot && fs.chownSync(cache, STRANGER, STRANGER)],
  ])('%s', (name, spoil) => {
    if (spoil() === false) return;
    const { status, stdout, stderr } = setUp('egress');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^onecast: Nothing in the cache is run, because .*\. To fix it: .*\n$/);
    expect(fs.readdirSync(cache)).toEqual(['thing']);
  });

  // The name of the entry depends on sources and machine, so a first run makes it.
  test.runIf(process.platform === 'linux' && libc() !== 'musl')(
    'a library that others could replace',
    () => {
      const first = setUp('egress');
      const library = first.stdout.trim();
      if (library === '') return; // without a C compiler
      expect(library).toContain(cache);
      expect(setUp('egress').stdout.trim()).toBe(library);
      fs.chmodSync(library, 0o777);
      const second = setUp('egress');
      expect(second).toMatchObject({ status: 1, stdout: '' });
      expect(second.stderr).toContain(`other users can write to ${library}`);
    },
  );

  test('nothing that the set-up writes can be changed by others, whatever the umask', () => {
    const old = process.umask(0);
    try {
      setUp('egress');
    } finally {
      process.umask(old);
    }
    const entries = fs.readdirSync(cache, { recursive: true });
    const open = entries.filter((name) => fs.statSync(join(cache, name)).mode & 0o022);
    expect(open).toEqual([]);
  });
});
