// Checks, before something in the cache is run or preloaded, that no other user of this machine could
// have changed it.

import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { CACHE } from './cache.mjs';
import { Failure } from './output.mjs';

const OTHERS_MAY_WRITE = 0o022;
/** In such a folder (/tmp), others may add files but not rename or delete ours. */
const STICKY = 0o1000;
const LINKS_MAX = 20;

/** Throws a Failure if anyone but this user or root could change the file or a folder above it. */
export function requireOwn(path, { cache = CACHE, uid = process.getuid?.() } = {}) {
  const weakness = findWeakness(path, { cache, uid });
  if (!weakness) return;
  const ours = `set ONECAST_CACHE to a folder of your own`;
  const fix =
    weakness.kind === 'owner'
      ? `${ours}, or delete ${weakness.path}`
      : `delete ${cache}, or chmod go-w ${weakness.path} if nobody else has changed it, or ${ours}`;
  throw new Failure(`Nothing in the cache is run, because ${weakness.reason}`, fix);
}

/**
 * Returns `{ path, kind, reason }` of the first folder or file on the way to `path` that others could
 * change, or undefined. Follows symbolic links; what does not exist cannot be changed.
 */
export function findWeakness(path, { cache, uid, links = 0 }) {
  if (uid === undefined) return undefined;
  const absolute = resolve(path);
  for (const current of pathsTo(absolute)) {
    const stats = lstatSync(current, { throwIfNoEntry: false });
    if (!stats) return undefined;
    if (stats.uid !== uid && stats.uid !== 0) {
      const reason = `${current} belongs to another user (${stats.uid})`;
      return { path: current, kind: 'owner', reason };
    }
    if (stats.isSymbolicLink()) {
      if (links === LINKS_MAX) {
        return { path: current, kind: 'owner', reason: `${current} is a loop of links` };
      }
      const target = resolve(dirname(current), readlinkSync(current));
      const rest = relative(current, absolute);
      return findWeakness(join(target, rest), { cache, uid, links: links + 1 });
    }
    const shared = stats.isDirectory() && stats.mode & STICKY && !isInside(current, cache);
    if (stats.mode & OTHERS_MAY_WRITE && !shared) {
      const reason = `other users can write to ${current}`;
      return { path: current, kind: 'mode', reason };
    }
  }
  return undefined;
}

/** "/a/b" -> "/", "/a", "/a/b" */
function pathsTo(path) {
  const parent = dirname(path);
  return parent === path ? [path] : [...pathsTo(parent), path];
}

function isInside(path, cache) {
  const from = (folder) => !relative(folder, path).startsWith('..');
  return from(resolve(cache)) || from(realOr(cache));
}

function realOr(path) {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
