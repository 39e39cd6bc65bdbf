// Downloads mediasoup's prebuilt worker from its release page. mediasoup's postinstall script is not
// used: if the download fails, it starts a build with pip and more downloads.

import { createWriteStream, rmSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { logFile } from './cache.mjs';
import { prebuiltUrl } from './plan.mjs';
import { runLogged } from './shell.mjs';
import { findFault, starts } from '../native/worker-build/trial.mjs';
import { step } from './output.mjs';

// A host that drops packets silently must not hold up the build for minutes.
const RESPONSE_MS = 10_000;
const DOWNLOAD_MS = 120_000;

/** Puts the prebuilt worker at `binary` and returns true. On failure leaves nothing, returns false. */
export async function fetchPrebuilt({ repository, version, binary, node }) {
  const { platform, arch } = process;
  const url = prebuiltUrl({ repository, version, platform, arch, osRelease: release() });
  return step("mediasoup's prebuilt worker", async (update) => {
    try {
      await download(url, `${binary}.tgz`, update);
      const args = ['-xzf', `${binary}.tgz`, '-C', dirname(binary)];
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
      update({ instead: `not available here, ${error.cause?.code ?? error.message}` });
      return false;
    } finally {
      rmSync(`${binary}.tgz`, { force: true });
    }
  });
}

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
    const count = async function* (chunks) {
      for await (const chunk of chunks) {
        received += chunk.length;
        if (total) update({ share: received / total, note: `${(received / 1e6).toFixed(1)} MB` });
        yield chunk;
      }
    };
    // The DOM's and Node's types of the same stream differ.
    const body = /** @type {import('node:stream/web').ReadableStream} */ (response.body);
    await pipeline(Readable.fromWeb(body), count, createWriteStream(file));
  } finally {
    clearTimeout(timer);
  }
}
