/** Batched sending: whether media workers run with native/egress preloaded, and if not why. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';

export type Egress =
  | { readonly state: 'off' }
  | { readonly state: 'unsupported'; readonly reason: string }
  /** `workerBin` starts the media worker with the library in it. */
  | { readonly state: 'on'; readonly workerBin: string };

const LAUNCHER = join(import.meta.dirname, '../../../../native/egress/launch.sh');

/**
 * Tries what mediasoup would do, a start by the launcher in this process's environment, but with the
 * question to the library whether it works here.
 */
export async function chooseEgress(
  config: Pick<Config, 'egressBatching' | 'egressLibrary'>,
  limits: Pick<Limits, 'egressProbeMs'>,
): Promise<Egress> {
  if (config.egressBatching === 'off') return { state: 'off' };
  if (process.platform !== 'linux') return unsupported('it needs Linux');
  if (config.egressLibrary === undefined) return unsupported('the set-up has not built it');
  const { said, complaint } = await probe(limits.egressProbeMs);
  if (said === 'egress on') return { state: 'on', workerBin: LAUNCHER };
  if (said === 'egress unsupported') return unsupported('the kernel cannot segment UDP');
  return unsupported(complaint);
}

function unsupported(reason: string): Egress {
  return { state: 'unsupported', reason };
}

function probe(timeoutMs: number): Promise<{ said: string; complaint: string }> {
  const env = { ...process.env, EGRESS_PROBE: '1' };
  return new Promise((resolve) => {
    execFile(LAUNCHER, { env, timeout: timeoutMs }, (error, stdout, stderr) => {
      // Of the loader or of the launcher. A worker that starts without the library, being linked
      // statically, ends by itself with a complaint that says nothing here.
      const told = stderr.split('\n').find((line) => /LD_PRELOAD|is not set/.test(line));
      const failed =
        typeof error?.code === 'string' ? error.message : 'the worker does not load it';
      resolve({ said: stdout.trim(), complaint: told?.trim() ?? failed });
    });
  });
}
