/**
 * Thousands of joins and leaves at signalling level, against the real server in its own process:
 * measures what is left behind and whether memory stops growing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { cycle } from './churn/cycles.ts';
import { slopeOf, tenth } from './report/stats.ts';
import { type Counts, ObservedServer } from '#testkit/server/observed-server.ts';
import { openFiles, residentBytes } from '#testkit/processes.ts';

/** Memory of the processes after `cycles` cycles. */
export interface MemorySample {
  readonly cycles: number;
  readonly serverMb: number;
  readonly heapMb: number;
  readonly workersMb: number;
  /** Sessions, rooms, routers and transports that still exist; 0 is expected. */
  readonly objects: number;
}

export interface ChurnResult {
  readonly cycles: number;
  readonly seconds: number;
  /** Refused requests and socket errors; none is expected. */
  readonly errors: readonly string[];
  readonly samples: readonly MemorySample[];
  /** Growth per 1,000 cycles after the warm-up, % of the mean. */
  readonly slopePercent: {
    readonly server: number;
    readonly heap: number;
    readonly workers: number;
  };
  /** Before the first cycle, and when the last session's grace is over. */
  readonly before: Counts;
  readonly after: Counts;
  readonly openFiles: { readonly before: number; readonly after: number };
}

export interface ChurnOptions {
  readonly cycles: number;
  /** Cycles between two samples; a sample waits until every grace is over. */
  readonly sampleEvery?: number;
  readonly log?: (line: string) => void;
}

/** Short, so that the run does not wait minutes until sessions and rooms expire. */
const LIMITS = {
  sessionGraceMs: 3_000,
  idleRoomMs: 400,
  idleUnusedRoomMs: 400,
  interruptedRoomMs: 400,
};
const CONCURRENCY = 16;
/** The share of the run in which caches fill and the heap reaches its size. */
const WARM_UP = 0.4;

export async function churn({
  cycles,
  sampleEvery = 500,
  log = () => undefined,
}: ChurnOptions): Promise<ChurnResult> {
  const server = await ObservedServer.start({ limits: LIMITS });
  const errors: string[] = [];
  const samples: MemorySample[] = [];
  const started = performance.now();
  try {
    // First create what stays for ever: compiled code, the first router's tables.
    for (let i = 0; i < 4; i += 1) await cycle(server.url, i, errors);
    const before = await settled(server);
    const filesBefore = openFiles(server.pid);
    for (let done = 0; done < cycles; ) {
      const batch = Math.min(sampleEvery, cycles - done);
      await inParallel(batch, CONCURRENCY, (i) => cycle(server.url, done + i, errors));
      done += batch;
      samples.push(await sample(server, done));
      log(`${done} cycles: ${JSON.stringify(samples.at(-1))}`);
    }
    const after = await settled(server);
    return {
      cycles,
      seconds: tenth((performance.now() - started) / 1000),
      errors,
      samples,
      slopePercent: {
        server: slopePercent(samples, (entry) => entry.serverMb),
        heap: slopePercent(samples, (entry) => entry.heapMb),
        workers: slopePercent(samples, (entry) => entry.workersMb),
      },
      before,
      after,
      openFiles: { before: filesBefore, after: await filesLeft(server.pid, filesBefore) },
    };
  } finally {
    await server.stop();
  }
}

async function inParallel(
  count: number,
  width: number,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await task(index);
    }
  };
  await Promise.all(Array.from({ length: width }, run));
}

async function sample(server: ObservedServer, cycles: number): Promise<MemorySample> {
  // Pages that left without `leave` are within their grace; only what exists after it can be a leak.
  const counts = await settled(server);
  const workers = server.workerPids.reduce((sum, pid) => sum + residentBytes(pid), 0);
  return {
    cycles,
    serverMb: megabytes(residentBytes(server.pid)),
    heapMb: megabytes(counts.heapBytes),
    workersMb: megabytes(workers),
    objects: counts.sessions + counts.rooms + counts.routers + counts.workerTransports,
  };
}

/** The counts when every grace is over; waits at most 20 s. */
async function settled(server: ObservedServer): Promise<Counts> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    await delay(200);
    const counts = await server.query('counts');
    const empty = counts.sessions + counts.rooms + counts.routers + counts.sockets === 0;
    if (empty || performance.now() > deadline) return counts;
  }
}

/**
 * The open files when there are no more than `before`, or after 5 s. The file that is just being written
 * and connections that are closing count for a moment.
 */
async function filesLeft(pid: number, before: number): Promise<number> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const files = openFiles(pid);
    if (files <= before || performance.now() > deadline) return files;
    await delay(100);
  }
}

function slopePercent(
  samples: readonly MemorySample[],
  pick: (sample: MemorySample) => number,
): number {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP));
  const mean = warm.reduce((sum, entry) => sum + pick(entry), 0) / warm.length;
  const perCycle = slopeOf(warm.map((entry) => [entry.cycles, pick(entry)] as const));
  return Math.round(((perCycle * 1000) / mean) * 10_000) / 100;
}

function megabytes(bytes: number): number {
  return Math.round((bytes / 1_048_576) * 100) / 100;
}
