/**
 * Decides whether media workers run with native/egress preloaded, and whether it batches what they send.
 * The library protects the media port also where it does not batch.
 */
import { execFile } from 'node:child_process';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { withoutSecrets } from '#config/secret-variables.ts';
import type { Log } from '../../observability/log.ts';
import { LAUNCHER } from './worker-process.ts';

/** `library`: path of the library that media workers preload; undefined: none. */
export type Egress =
  | { readonly state: 'on'; readonly library: string }
  | { readonly state: 'off'; readonly library: string | undefined }
  | {
      readonly state: 'unsupported';
      readonly library: string | undefined;
      readonly reason: string;
    };

/**
 * Starts the launcher as mediasoup would, in this process's environment, and makes the library
 * report whether it works here instead of starting the worker.
 */
export async function chooseEgress(
  config: Pick<Config, 'egressBatching' | 'egressLibrary'>,
  limits: Pick<Limits, 'egressProbeMs'>,
): Promise<Egress> {
  const { egressBatching, egressLibrary } = config;
  const unusable = (reason: string): Egress =>
    egressBatching === 'off'
      ? { state: 'off', library: undefined }
      : { state: 'unsupported', library: undefined, reason };
  if (process.platform !== 'linux') return unusable('it needs Linux');
  if (egressLibrary === undefined) return unusable('there is no library');
  const { output, failure } = await probe(egressBatching, limits.egressProbeMs);
  if (output === 'egress on') return { state: 'on', library: egressLibrary };
  if (output === 'egress off') return { state: 'off', library: egressLibrary };
  if (output !== 'egress unsupported') return unusable(failure);
  const reason = 'the kernel cannot segment UDP';
  return { state: 'unsupported', library: egressLibrary, reason };
}

export function logEgress(egress: Egress, log: Log): void {
  switch (egress.state) {
    case 'on':
      log.info('batched sending on');
      break;
    case 'off':
      log.info('batched sending off, as configured');
      break;
    case 'unsupported':
      log.warn({ reason: egress.reason }, 'batched sending off: it does not work here');
      break;
  }
  if (egress.library === undefined) {
    log.warn(
      'media ports are not protected: the library for it is not loaded, see docs/security.md',
    );
  }
}

function probe(
  batching: Config['egressBatching'],
  timeoutMs: number,
): Promise<{ output: string; failure: string }> {
  const own = { EGRESS_PROBE: '1', EGRESS_BATCHING: batching };
  const env = { ...withoutSecrets(process.env), ...own };
  return new Promise((resolve) => {
    execFile(LAUNCHER, { env, timeout: timeoutMs }, (error, stdout, stderr) => {
      // An error of the loader or of the launcher. A worker that is linked statically starts without
      // the library and exits with an error message that does not help here.
      const reported = stderr.split('\n').find((line) => /LD_PRELOAD|is not set/.test(line));
      const failed =
        typeof error?.code === 'string' ? error.message : 'the worker does not load it';
      resolve({ output: stdout.trim(), failure: reported?.trim() ?? failed });
    });
  });
}
