// mediasoup's prebuilt worker, from its release page. Not by mediasoup's postinstall: where the
// download fails, that goes on to a build with pip and downloads of its own.

import { createWriteStream, rmSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { logFile } from './cache.mjs';
import { prebuiltUrl } from './plan.mjs';
import { step } from './progress.mjs';
import { quietly } from './shell.mjs';
import { serves, starts } from '../native/worker-build/trial.mjs';

// A host that drops packets silently must not hold up the build for minutes.
const ANSWER_MS = 10_000;
const WHOLE_MS = 120_000;

/** Puts the prebuilt worker at `binary`, or leaves nothing and gives false. */
export async function fetchPrebuilt({ repository, version, binary, node }) {
  const { platform, arch } = process;
  const url = prebuiltUrl({ repository, version, platform, arch, osRelease: release() });
  return step("mediasoup's prebuilt worker", async (update) => {
    try {
      await download(url, `${binary}.tgz`, update);
      const args = ['-xzf', `${binary}.tgz`, '-C', dirname(binary)];
      await quietly('tar', args, { purpose: 'unpacking failed', log: logFile('prebuilt-worker') });
      if (!starts(binary)) throw new Error('it does not start on this host');
      const fault = serves(node, binary);
      if (fault) throw new Error(fault);
      return true;
    } catch (error) {
      rmSync(binary, { force: true });
      update({ instead: `not to be had here, ${error.cause?.code ?? error.message}` });
      return false;
    } finally {
      rmSync(`${binary}.tgz`, { force: true });
    }
  });
}

async function download(url, file, update) {
  const stop = new AbortController();
  let timer = setTimeout(() => stop.abort(new Error('no answer in 10 s')), ANSWER_MS);
  try {
    const answer = await fetch(url, { signal: stop.signal });
    if (!answer.ok || !answer.body) throw new Error(`answer ${answer.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(new Error('the download is too slow')), WHOLE_MS);
    const whole = Number(answer.headers.get('content-length'));
    let got = 0;
    const count = async function* (chunks) {
      for await (const chunk of chunks) {
        got += chunk.length;
        if (whole) update({ share: got / whole, note: `${(got / 1e6).toFixed(1)} MB` });
        yield chunk;
      }
    };
    await pipeline(Readable.fromWeb(answer.body), count, createWriteStream(file));
  } finally {
    clearTimeout(timer);
  }
}
