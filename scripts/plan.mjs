// The decisions of the set-up, as pure functions of facts about the host.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { NODE_PINS } from './pins.mjs';

export const NODE_VERSION = NODE_PINS.version;

/** Node runs TypeScript without a flag since 22.18 and 23.6. */
export function runsTypeScript(nodeVersion) {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number);
  if (major === 22) return minor >= 18;
  if (major === 23) return minor >= 6;
  return major >= 24;
}

/** The npm package that contains the Node binary; undefined if no hash of one is known here. */
export function nodePackage(platform, arch, pins = NODE_PINS) {
  const name = `node-${platform}-${arch}`;
  return Object.hasOwn(pins.packages, name) ? name : undefined;
}

/** A package.json and a lockfile with which `npm ci` installs exactly one package with this hash. */
export function pinnedPackage(name, version, integrity) {
  const dependencies = { [name]: version };
  return {
    manifest: { private: true, dependencies },
    lock: {
      lockfileVersion: 3,
      packages: { '': { dependencies }, [`node_modules/${name}`]: { version, integrity } },
    },
  };
}

export function cacheFolder(env, home) {
  if (env.ONECAST_CACHE) return env.ONECAST_CACHE;
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'onecast');
}

export function hashOf(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(String(part.length)).update(':').update(part);
  return hash.digest('hex').slice(0, 16);
}

/**
 * The cache key of a worker: everything that decides whether it can be used on a machine. A worker
 * that was downloaded without a check is used only while the variable that allows it is set.
 */
export function workerKey({ mediasoup, platform, arch, libc, recipe, pinnedOnly = false }) {
  return `${mediasoup}-${platform}-${arch}-${libc}-${recipe}${pinnedOnly ? '-pinned' : ''}`;
}

/** Where mediasoup publishes its prebuilt worker. Its npm-scripts.mjs defines the file name. */
export function prebuiltUrl({ repository, version, platform, arch, osRelease }) {
  const base = repository.replace(/^git\+/, '').replace(/\.git$/, '');
  const kernel = platform === 'linux' ? `-kernel${Number(osRelease.split('.')[0])}` : '';
  const file = `mediasoup-worker-${version}-${platform}-${arch}${kernel}.tgz`;
  return `${base}/releases/download/${version}/${file}`;
}

/** What the build of the worker needs: a command or a pkg-config module, and its Debian package. */
export const WORKER_NEEDS = [
  { command: 'c++', debian: 'g++' },
  { command: 'meson', debian: 'meson' },
  { command: 'ninja', debian: 'ninja-build' },
  { command: 'pkg-config', debian: 'pkg-config' },
  { command: 'flatc', debian: 'flatbuffers-compiler' },
  { module: 'flatbuffers', debian: 'libflatbuffers-dev' },
  { module: 'libuv', debian: 'libuv1-dev' },
  { module: 'openssl', debian: 'libssl-dev' },
  { module: 'libsrtp2', debian: 'libsrtp2-dev' },
  { module: 'absl_flat_hash_map', debian: 'libabsl-dev' },
];

/** The Debian packages that are missing. Without pkg-config, every module counts as missing. */
export function missingPackages(needs, { hasCommand, hasModule }) {
  return needs
    .filter((need) => (need.command ? !hasCommand(need.command) : !hasModule(need.module)))
    .map((need) => need.debian);
}

/** Whether the set-up installs missing system packages, or prints the command that does. */
export function packagePlan({ purpose, missing, hasApt, isRoot, otherwise }) {
  if (missing.length === 0) return { action: 'none' };
  const list = missing.join(' ');
  if (hasApt && isRoot) return { action: 'install', packages: missing };
  if (hasApt) {
    return {
      action: 'refuse',
      message: `${purpose} needs packages that only root can install`,
      fix: `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${list}`,
    };
  }
  return {
    action: 'refuse',
    message: `${purpose} needs what Debian calls ${list}, and there is no apt-get here`,
    fix: otherwise,
  };
}

/** Progress from a line of ninja, `[12/261] Compiling …`. */
export function ninjaProgress(line) {
  const match = /^\[(\d+)\/(\d+)\]/.exec(line);
  if (!match || Number(match[2]) === 0) return undefined;
  return { share: Number(match[1]) / Number(match[2]), note: `${match[1]} of ${match[2]}` };
}

/** Progress from a line of apt-get's APT::Status-Fd: the download is the first half. */
export function aptProgress(line) {
  const match = /^(dl|pm)status:[^:]*:([\d.]+):/.exec(line);
  if (!match) return undefined;
  const half = Number(match[2]) / 200;
  return match[1] === 'dl'
    ? { share: half, note: 'downloading' }
    : { share: 0.5 + half, note: 'installing' };
}

/**
 * Whether node_modules already matches the lockfile, according to npm's own record
 * (node_modules/.package-lock.json). An installation by hand is then not repeated.
 */
export function isInstalled(lock, installed) {
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed.packages[path];
    return found ? found.version === wanted.version : wanted.optional === true;
  });
}

/** 71 -> "1:11" */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

export function bar(share, width = 24) {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}]`;
}

/** The error in a line of npm, apt-get, meson or a compiler, without its prefix; undefined if none. */
export function errorLine(line) {
  const text = line.trim();
  const npm = /^npm (?:error|ERR!) (.*)$/.exec(text)?.[1];
  if (npm !== undefined)
    return /^(code|errno|syscall|path|A complete log)\b/.test(npm) ? undefined : npm;
  if (text.startsWith('E: ')) return text.slice(3);
  return /(^|\s)(fatal )?error\b.*:/i.test(text) ? text : undefined;
}
