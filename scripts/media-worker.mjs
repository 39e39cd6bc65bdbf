// Provides the mediasoup-worker binary: the user's own, a cached one, mediasoup's prebuilt one, or one
// that is built here.

import { join } from 'node:path';
import { withLock, CACHE, createAtomically } from './cache.mjs';
import { contentsOf, inRoot, isProgram, libc, readJson } from './host.mjs';
import { Failure } from './output.mjs';
import { buildWorker } from '../native/worker-build/build.mjs';
import { fetchPrebuilt } from './prebuilt-worker.mjs';
import { findFault, starts } from '../native/worker-build/trial.mjs';
import { hashOf, workerKey } from './plan.mjs';
import { requireOwn } from './trust.mjs';

/** The files that a built worker depends on, apart from mediasoup's sources and the host. */
const RECIPE = ['build.mjs', 'patches.mjs', 'pch', 'subprojects'].map((name) =>
  inRoot('native', 'worker-build', name),
);

/** Value of ONECAST_PREBUILT_WORKER that refuses a download whose hash is not in pins.mjs. */
const PINNED = 'pinned';

/** Returns the path of a worker that runs on this host. Needs node_modules and the runtime. */
export async function ensureWorker(node) {
  const given = process.env.MEDIASOUP_WORKER_BIN;
  if (given) {
    if (isProgram(given)) return given;
    const message = `MEDIASOUP_WORKER_BIN=${given} is not a program`;
    throw new Failure(message, 'unset MEDIASOUP_WORKER_BIN');
  }
  const pinnedOnly = process.env.ONECAST_PREBUILT_WORKER === PINNED;
  const { version, repository } = mediasoupPackage();
  const folder = workerFolder(pinnedOnly);
  const worker = join(folder, 'mediasoup-worker');
  requireOwn(worker);
  if (starts(worker)) return worker;
  await withLock(folder, async () => {
    if (starts(worker)) return;
    await createAtomically(folder, async (temporary) => {
      const binary = join(temporary, 'mediasoup-worker');
      const options = { repository: repository.url, version, binary, node, unchecked: !pinnedOnly };
      if (await fetchPrebuilt(options)) return;
      await buildWorker({ binary });
      const fault = findFault(node, binary);
      if (fault) {
        const fix = 'report it with the line above, or set MEDIASOUP_WORKER_BIN to a worker';
        throw new Failure(`The built media worker does not work: ${fault}`, fix);
      }
    });
  });
  return worker;
}

const mediasoupPackage = () => readJson(inRoot('node_modules', 'mediasoup', 'package.json'));

/** The folder of this machine's worker in the cache. */
export function workerFolder(pinnedOnly = false) {
  const { platform, arch } = process;
  const { version: mediasoup } = mediasoupPackage();
  const recipe = hashOf(contentsOf(RECIPE));
  const key = workerKey({ mediasoup, platform, arch, libc: libc(), recipe, pinnedOnly });
  return join(CACHE, `media-worker-${key}`);
}
