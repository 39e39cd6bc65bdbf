/** Batched sending: decides whether media workers run with native/egress preloaded. */
import { execFile } from 'node:child_process';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { withoutSecrets } from '#config/secret-variables.ts';
import type { Log } from '../../observability/log.ts';
import { LAUNCHER } from './worker-process.ts';

export type Egress =
  | { readonly state: 'off' }
  | { readonly state: 'unsupported'; readonly reason: string }
  /** Path of the library that media workers preload. */
  | { readonly state: 'on'; readonly library: string };

/**
 * Starts the launcher as mediasoup would, in this process's environment, and makes the library
 * report whether it works here instead of starting the worker.
 */
export async function chooseEgress(
  config: Pick<Config, 'egressBatching' | 'egressLibrary'>,
  limits: Pick<Limits, 'egressProbeMs'>,
): Promise<Egress> {
  if (config.egressBatching === 'off') return { state: 'off' };
  if (process.platform !== 'linux') return unsupported('it needs Linux');
  if (config.egressLibrary === undefined) return unsupported('the set-up has not built it');
  const { output, failure } = await probe(limits.egressProbeMs);
  if (output === 'egress on') return { state: 'on', library: config.egressLibrary };
  if (output === 'egress unsupported') return unsupported('the kernel cannot segment UDP');
  return unsupported(failure);
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
}

function unsupported(reason: string): Egress {
  return { state: 'unsupported', reason };
}

function probe(timeoutMs: number): Promise<{ output: string; failure: string }> {
  const env = { ...withoutSecrets(process.env), EGRESS_PROBE: '1' };
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
