// Builds the worker from the sources in mediasoup's npm package, with the system's libraries.
// mediasoup's own build downloads source archives. `subprojects/` replaces each of them with a few
// lines that refer to the system's library.

import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { logFile, requireSpace } from '../../scripts/cache.mjs';
import { inRoot } from '../../scripts/host.mjs';
import { Failure, step } from '../../scripts/output.mjs';
import { missingPackages, ninjaProgress, WORKER_NEEDS } from '../../scripts/plan.mjs';
import { works, runLogged } from '../../scripts/shell.mjs';
import { ensurePackages } from '../../scripts/system-packages.mjs';
import { patched } from './patches.mjs';

const missing = () =>
  missingPackages(WORKER_NEEDS, {
    hasCommand: (command) => works(command, '--version'),
    hasModule: (module) => works('pkg-config', '--exists', module),
  });

export async function buildWorker({ binary }) {
  const otherwise = 'install them, or set MEDIASOUP_WORKER_BIN to a mediasoup-worker for this host';
  const purpose = 'The build of the media worker';
  requireSpace(dirname(binary), 300);
  await ensurePackages({ purpose, missing: missing(), otherwise });
  const still = missing();
  if (still.length > 0) {
    const message = `The media worker cannot be built: ${still.join(' ')} cannot be used`;
    throw new Failure(message, otherwise);
  }
  const folder = join(dirname(binary), 'build');
  await step('Media worker, built once for this machine (some minutes)', async (update) => {
    const source = copySources(folder);
    const out = join(folder, 'out');
    const log = logFile('media-worker');
    rmSync(log, { force: true });
    const run = (failure, command, args, onLine) =>
      runLogged(command, args, { purpose: failure, log, onLine, fix: `read ${log}` });
    update({ note: 'configuring' });
    const options = ['--buildtype', 'release', '-Db_ndebug=true', '--wrap-mode', 'nodownload'];
    await run('meson could not configure the media worker', 'meson', [
      'setup',
      ...options,
      out,
      source,
    ]);
    // mediasoup's build does not declare that libwebrtc includes the generated headers, so they are
    // generated first.
    const generated = ['-C', out, 'fbs/FBS/message.h'];
    await run("The worker's headers could not be generated", 'ninja', generated);
    const ninja = ['-C', out, 'mediasoup-worker'];
    await run('The media worker did not compile', 'ninja', ninja, (line) =>
      update(ninjaProgress(line)),
    );
    await run('strip failed', 'strip', [join(out, 'mediasoup-worker')]);
    renameSync(join(out, 'mediasoup-worker'), binary);
  });
  rmSync(folder, { recursive: true, force: true });
}

function copySources(folder) {
  const source = join(folder, 'worker');
  mkdirSync(folder, { recursive: true });
  cpSync(inRoot('node_modules', 'mediasoup', 'worker'), source, { recursive: true });
  rmSync(join(source, 'subprojects'), { recursive: true, force: true });
  for (const name of ['subprojects', 'pch']) {
    cpSync(inRoot('native', 'worker-build', name), join(source, name), { recursive: true });
  }
  for (const { file, text } of patched((name) => readFileSync(join(source, name), 'utf8'))) {
    writeFileSync(join(source, file), text);
  }
  return source;
}
