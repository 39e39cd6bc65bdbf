// Builds the worker from the sources in mediasoup's npm package with the system's libraries. The
// source archives that mediasoup's own build downloads are replaced by `subprojects/`: for each a
// few lines that name the system's library.

import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { logFile, requireSpace } from '../../scripts/cache.mjs';
import { Failure } from '../../scripts/failure.mjs';
import { inRoot } from '../../scripts/host.mjs';
import { missingPackages, ninjaProgress, WORKER_NEEDS } from '../../scripts/plan.mjs';
import { step } from '../../scripts/progress.mjs';
import { answers, quietly } from '../../scripts/shell.mjs';
import { ensurePackages } from '../../scripts/system-packages.mjs';
import { patched } from './patches.mjs';

const missing = () =>
  missingPackages(WORKER_NEEDS, {
    hasCommand: (command) => answers(command, '--version'),
    hasModule: (module) => answers('pkg-config', '--exists', module),
  });

export async function buildWorker({ binary }) {
  const otherwise =
    'install those, or set MEDIASOUP_WORKER_BIN to a mediasoup-worker for this host';
  const purpose = 'The build of the media worker';
  requireSpace(dirname(binary), 300);
  await ensurePackages({ purpose, missing: missing(), otherwise });
  const still = missing();
  if (still.length > 0) {
    const message = `The media worker cannot be built: ${still.join(' ')} is not usable`;
    throw new Failure(message, otherwise);
  }
  const place = join(dirname(binary), 'build');
  await step('Media worker, built once for this machine (some minutes)', async (update) => {
    const source = copySources(place);
    const out = join(place, 'out');
    const log = logFile('media-worker');
    rmSync(log, { force: true });
    const run = (purposeOf, command, args, onLine) =>
      quietly(command, args, { purpose: purposeOf, log, onLine, mend: `read ${log}` });
    update({ note: 'configuring' });
    const options = ['--buildtype', 'release', '-Db_ndebug=true', '--wrap-mode', 'nodownload'];
    await run('meson refused the media worker', 'meson', ['setup', ...options, out, source]);
    // mediasoup does not say that libwebrtc includes the generated headers: all of them first.
    const generated = ['-C', out, 'fbs/FBS/message.h'];
    await run("The worker's headers could not be generated", 'ninja', generated);
    const ninja = ['-C', out, 'mediasoup-worker'];
    await run('The media worker did not compile', 'ninja', ninja, (line) =>
      update(ninjaProgress(line)),
    );
    await run('strip failed', 'strip', [join(out, 'mediasoup-worker')]);
    renameSync(join(out, 'mediasoup-worker'), binary);
  });
  rmSync(place, { recursive: true, force: true });
}

function copySources(place) {
  const source = join(place, 'worker');
  mkdirSync(place, { recursive: true });
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
