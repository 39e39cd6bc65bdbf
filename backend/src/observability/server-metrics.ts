/** What is read of the server when the metrics are asked for. */
import { readFile } from 'node:fs/promises';
import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import type { WorkerPool } from '../media/workers/pool.ts';
import { MATCH_METHODS } from '#protocol/overlay.ts';
import type { RoomRegistry } from '../rooms/registry.ts';
import type { DescriptorWatch } from './descriptors.ts';
import type { Metrics, Reading } from './metrics.ts';

export interface Observed {
  readonly registry: RoomRegistry;
  readonly pool: WorkerPool;
  /** Open signalling sockets. */
  readonly sockets: () => number;
  readonly descriptors: Pick<DescriptorWatch, 'latest'>;
}

const ROOM_STATUSES = ['open', 'live', 'interrupted', 'ended'] as const;

/** Adds the series of `server`. The function it returns reads the workers; call it before each scrape. */
export function observeServer(
  metrics: Metrics,
  { registry, pool, sockets, descriptors }: Observed,
  limits: Pick<Limits, 'scrapeDeadlineMs'>,
): () => Promise<void> {
  metrics.series('gauge', 'onecast_rooms', 'Rooms by status.', () => {
    const counts = new Map<string, number>(ROOM_STATUSES.map((status) => [status, 0]));
    for (const { state } of registry.rooms()) {
      counts.set(state.status, (counts.get(state.status) ?? 0) + 1);
    }
    return [...counts].map(([status, count]): Reading => [count, { status }]);
  });
  metrics.series('gauge', 'onecast_sessions', 'Sessions by role, absent ones included.', () => {
    const counts = { publisher: 0, viewer: 0 };
    for (const { role } of registry.members()) counts[role] += 1;
    return Object.entries(counts).map(([role, count]): Reading => [count, { role }]);
  });
  metrics.series('gauge', 'onecast_viewers', 'Viewers with a socket or media.', () => {
    let count = 0;
    for (const { role, session } of registry.members()) {
      if (role === 'viewer' && session.present) count += 1;
    }
    return [[count]];
  });
  metrics.series(
    'gauge',
    'onecast_viewers_overlay_match',
    'Viewers with a socket or media, by how their messages find their frames.',
    () => {
      const counts = new Map<string, number>([...MATCH_METHODS, 'none'].map((name) => [name, 0]));
      for (const member of registry.members()) {
        if (member.role !== 'viewer' || !member.session.present) continue;
        const method = member.matchMethod ?? 'none';
        counts.set(method, (counts.get(method) ?? 0) + 1);
      }
      return [...counts].map(([method, count]): Reading => [count, { method }]);
    },
  );
  metrics.series('gauge', 'onecast_sockets', 'Open signalling sockets.', () => [[sockets()]]);
  metrics.series('gauge', 'onecast_transports', 'Open WebRTC transports.', () =>
    pool.workers.map(({ index, transports }): Reading => [transports, { worker: index }]),
  );

  const ofProcesses = (of: 'open' | 'max') => () =>
    [...descriptors.latest].map(
      ([process, count]): Reading => [of === 'open' ? count.open : count.max, { process }],
    );
  metrics.series(
    'gauge',
    'onecast_open_fds',
    'File descriptors that a process has open (Linux).',
    ofProcesses('open'),
  );
  metrics.series(
    'gauge',
    'onecast_max_fds',
    'File descriptors that a process may have open (Linux).',
    ofProcesses('max'),
  );

  const workers = new Map<number, WorkerReading>();
  const ofWorkers = (of: (reading: WorkerReading) => Reading[]) => () =>
    [...workers].flatMap(([worker, reading]) =>
      of(reading).map(([value, labels]): Reading => [value, { worker, ...labels }]),
    );
  metrics.series(
    'gauge',
    'onecast_worker_up',
    'Whether a media worker answered in time.',
    ofWorkers(({ usage }) => [[usage ? 1 : 0]]),
  );
  metrics.series(
    'counter',
    'onecast_worker_cpu_seconds_total',
    'Processor time of a media worker since it was started.',
    ofWorkers(({ usage }) =>
      usage
        ? [
            [usage.ru_utime / 1_000, { mode: 'user' }],
            [usage.ru_stime / 1_000, { mode: 'system' }],
          ]
        : [],
    ),
  );
  metrics.series(
    'gauge',
    'onecast_worker_memory_peak_bytes',
    'The most memory that a media worker has held since it was started.',
    ofWorkers(({ usage }) => (usage ? [[usage.ru_maxrss * 1_024]] : [])),
  );
  metrics.series(
    'gauge',
    'onecast_worker_memory_bytes',
    'Memory that a media worker holds (Linux).',
    ofWorkers(({ residentBytes }) => (residentBytes === undefined ? [] : [[residentBytes]])),
  );

  return async () => {
    const seats = pool.workers;
    const readings = await Promise.all(
      seats.map(({ worker }) => readWorker(worker, limits.scrapeDeadlineMs)),
    );
    // A seat that is empty just now has no worker that is up.
    for (let index = 0; index < pool.size; index += 1) workers.set(index, NO_ANSWER);
    for (const [i, { index }] of seats.entries()) workers.set(index, readings[i] ?? NO_ANSWER);
  };
}

interface WorkerReading {
  /** undefined where it did not answer in time. */
  readonly usage: types.WorkerResourceUsage | undefined;
  readonly residentBytes: number | undefined;
}

const NO_ANSWER: WorkerReading = { usage: undefined, residentBytes: undefined };

async function readWorker(worker: types.Worker, deadlineMs: number): Promise<WorkerReading> {
  const [usage, residentBytes] = await Promise.all([
    answerWithin(deadlineMs, worker.getResourceUsage()),
    residentBytesOf(worker.pid),
  ]);
  return { usage, residentBytes };
}

/** A worker that hangs never answers, and one that is closed rejects: neither may hold up a scrape. */
async function answerWithin<T>(deadlineMs: number, asked: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), deadlineMs);
  });
  try {
    return await Promise.race([asked.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function residentBytesOf(pid: number): Promise<number | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024;
  } catch {
    return undefined;
  }
}
