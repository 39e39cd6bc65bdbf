/** Memory and descriptors of a server and its workers: before, at the peak, and when they are back. */
import { setTimeout as delay } from 'node:timers/promises';
import { openFiles, residentBytes } from '#testkit/processes.ts';
import type { ObservedServer } from '#testkit/server/observed-server.ts';
import { tenth } from '../report/stats.ts';

export interface Resources {
  readonly serverMb: number;
  readonly workersMb: number;
  /** Open descriptors of all processes. */
  readonly files: number;
}

export interface Recovery {
  /** Seconds from the end of the attack; undefined: not back within a minute. */
  readonly backAfterS: number | undefined;
  readonly after: Resources;
}

const SAMPLE_MS = 200;
const LOOK_MS = 1_000;
const DEADLINE_MS = 60_000;
/** Further answers made from memory, and what the allocators keep: no attack is this small. */
const SLACK: Resources = { serverMb: 12, workersMb: 4, files: 4 };

export function resourcesOf({ pid, workerPids }: ObservedServer): Resources {
  const megabytes = (pids: readonly number[]) =>
    tenth(pids.reduce((sum, one) => sum + residentBytes(one), 0) / 1_048_576);
  return {
    serverMb: megabytes([pid]),
    workersMb: megabytes(workerPids),
    files: [pid, ...workerPids].reduce((sum, one) => sum + openFiles(one), 0),
  };
}

/** After a full garbage collection. */
export async function settledResources(server: ObservedServer): Promise<Resources> {
  await server.query('counts');
  return resourcesOf(server);
}

/** The most of each while `work` runs. */
export async function peakDuring<T>(
  server: ObservedServer,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly peak: Resources }> {
  let peak = resourcesOf(server);
  const timer = setInterval(() => {
    const now = resourcesOf(server);
    peak = {
      serverMb: Math.max(peak.serverMb, now.serverMb),
      workersMb: Math.max(peak.workersMb, now.workersMb),
      files: Math.max(peak.files, now.files),
    };
  }, SAMPLE_MS);
  try {
    return { value: await work(), peak };
  } finally {
    clearInterval(timer);
  }
}

/** Waits until the server has what it had before, a minute at most. */
export async function recovery(server: ObservedServer, before: Resources): Promise<Recovery> {
  const begun = performance.now();
  for (;;) {
    await delay(LOOK_MS);
    const after = await settledResources(server);
    const elapsed = performance.now() - begun;
    const isBack = (Object.keys(SLACK) as (keyof Resources)[]).every(
      (what) => after[what] <= before[what] + SLACK[what],
    );
    if (isBack) return { backAfterS: tenth(elapsed / 1_000), after };
    if (elapsed > DEADLINE_MS) return { backAfterS: undefined, after };
  }
}
