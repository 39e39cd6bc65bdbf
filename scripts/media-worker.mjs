// The mediasoup-worker binary: the user's own, the cached, mediasoup's prebuilt, or one built here.

import { join } from 'node:path';
import { alone, CACHE, makeWhole } from './cache.mjs';
import { Failure } from './failure.mjs';
import { contentsOf, inRoot, isProgram, libc, readJson } from './host.mjs';
import { buildWorker } from '../native/worker-build/build.mjs';
import { fetchPrebuilt } from './prebuilt-worker.mjs';
import { starts, serves } from '../native/worker-build/trial.mjs';
import { hashOf, workerKey } from './plan.mjs';

/** What a built worker depends on besides mediasoup's sources and the host. */
const RECIPE = ['build.mjs', 'patches.mjs', 'pch', 'subprojects'].map((name) =>
  inRoot('native', 'worker-build', name),
);

/** The path of a worker that runs on this host. Needs node_modules and the runtime. */
export async function ensureWorker(node) {
  const given = process.env.MEDIASOUP_WORKER_BIN;
  if (given) {
    if (isProgram(given)) return given;
    const message = `MEDIASOUP_WORKER_BIN=${given} is not a program`;
    throw new Failure(message, 'unset MEDIASOUP_WORKER_BIN');
  }
  const { version, repository } = readJson(inRoot('node_modules', 'mediasoup', 'package.json'));
  const { platform, arch } = process;
  const recipe = hashOf(contentsOf(RECIPE));
  const key = workerKey({ mediasoup: version, platform, arch, libc: libc(), recipe });
  const folder = join(CACHE, `media-worker-${key}`);
  const worker = join(folder, 'mediasoup-worker');
  if (starts(worker)) return worker;
  await alone(folder, async () => {
    if (starts(worker)) return;
    await makeWhole(folder, async (temporary) => {
      const binary = join(temporary, 'mediasoup-worker');
      if (await fetchPrebuilt({ repository: repository.url, version, binary, node })) return;
      await buildWorker({ binary });
      const fault = serves(node, binary);
      if (fault) {
        const mend = 'report it with the line above, or set MEDIASOUP_WORKER_BIN to a worker';
        throw new Failure(`The built media worker does not work: ${fault}`, mend);
      }
    });
  });
  return worker;
}
