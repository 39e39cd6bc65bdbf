// Downloads mediasoup's prebuilt worker from its release page and checks its hash. mediasoup's
// postinstall script is not used: it checks no hash, and if the download fails, it starts a build with
// pip and more downloads.

import { createHash } from 'node:crypto';
import { createWriteStream, rmSync } from 'node:fs';
import { release } from 'node:os';
import { basename, dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { logFile } from './cache.mjs';
import { WORKER_PINS } from './pins.mjs';
import { prebuiltUrl } from './plan.mjs';
import { runLogged } from './shell.mjs';
import { findFault, starts } from '../native/worker-build/trial.mjs';
import { say, step } from './output.mjs';

// A host that drops packets silently must not hold up the build for minutes.
const RESPONSE_MS = 10_000;
const DOWNLOAD_MS = 120_000;
// A worker has about 15 MB. Another server must not fill the disk.
const DOWNLOAD_MAX_BYTES = 200e6;
const MEMBER = 'mediasoup-worker';

/**
 * Puts the prebuilt worker at `binary` and returns true. On failure leaves nothing, returns false. A
 * file whose hash is not known is downloaded only if `unchecked` is set.
 */
export async function fetchPrebuilt({
  repository,
  version,
  binary,
  node,
  unchecked = false,
  pins = WORKER_PINS,
}) {
  const { platform, arch } = process;
  const url = prebuiltUrl({ repository, version, platform, arch, osRelease: release() });
  const pin = pins[basename(url)];
  if (!pin && !unchecked) {
    say("– mediasoup's prebuilt worker: not used, because its hash is not known");
    return false;
  }
  const title = `mediasoup's prebuilt worker${pin ? '' : ' (ITS HASH IS NOT CHECKED)'}`;
  return step(title, async (update) => {
    try {
      const hash = await download(url, `${binary}.tgz`, update);
      if (pin && hash !== pin) throw new Error(`its hash is ${hash} and must be ${pin}`);
      // The archive may name an owner and a mode, which tar as root would restore.
      const safely = ['--no-same-owner', '--no-same-permissions'];
      const args = ['-xzf', `${binary}.tgz`, '-C', dirname(binary), ...safely, MEMBER];
      await runLogged('tar', args, {
        purpose: 'unpacking failed',
        log: logFile('prebuilt-worker'),
      });
      if (!starts(binary)) throw new Error('it does not start on this host');
      const fault = findFault(node, binary);
      if (fault) throw new Error(fault);
      return true;
    } catch (error) {
      rmSync(binary, { force: true });
      update({ instead: `not used, ${error.cause?.code ?? error.message}` });
      return false;
    } finally {
      rmSync(`${binary}.tgz`, { force: true });
    }
  });
}

/** Returns the hash of the downloaded file, in the form in which pins.mjs has it. */
async function download(url, file, update) {
  const stop = new AbortController();
  let timer = setTimeout(() => stop.abort(new Error('no answer in 10 s')), RESPONSE_MS);
  try {
    const response = await fetch(url, { signal: stop.signal });
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(new Error('the download is too slow')), DOWNLOAD_MS);
    const total = Number(response.headers.get('content-length'));
    let received = 0;
    const hash = createHash('sha256');
    const count = async function* (chunks) {
      for await (const chunk of chunks) {
        received += chunk.length;
        if (received > DOWNLOAD_MAX_BYTES) throw new Error('the download is too large');
        hash.update(chunk);
        if (total) update({ share: received / total, note: `${(received / 1e6).toFixed(1)} MB` });
        yield chunk;
      }
    };
    // The DOM's and Node's types of the same stream differ.
    const body = /** @type {import('node:stream/web').ReadableStream} */ (response.body);
    await pipeline(Readable.fromWeb(body), count, createWriteStream(file));
    return `sha256:${hash.digest('hex')}`;
  } finally {
    clearTimeout(timer);
  }
}
