/** The series that are read from the server and its media workers at each scrape. */
import { readFile } from 'node:fs/promises';
import type { types } from '../media/types.ts';
import type { Limits } from '#config/limits.ts';
import type { EgressCounters } from '../media/workers/egress-stats.ts';
import type { Egress } from '../media/workers/egress.ts';
import type { WorkerPool } from '../media/workers/pool.ts';
import { MATCH_METHODS } from '#protocol/overlay.ts';
import type { RoomRegistry } from '../rooms/registry.ts';
import type { DescriptorWatch } from './descriptors.ts';
import type { MissingLines } from './log.ts';
import type { Metrics, Sample } from './metrics.ts';

export interface MetricsSources {
  readonly registry: RoomRegistry;
  readonly pool: WorkerPool;
  readonly egress: Egress;
  /** Returns the number of open signalling sockets. */
  readonly sockets: () => number;
  readonly descriptors: Pick<DescriptorWatch, 'latest'>;
  /** Returns how many lines the log misses. */
  readonly missingLines: () => MissingLines;
}

const ROOM_STATUSES = ['open', 'live', 'interrupted', 'ended'] as const;
const EGRESS_STATES: readonly Egress['state'][] = ['on', 'off', 'unsupported'];
const EGRESS_WAYS = ['segmented', 'single', 'direct'] as const;
const PROTECTIONS = [
  ['retransmission', 'overBudget'],
  ['oversize', 'oversize'],
  ['connection', 'connectionsRefused'],
  ['idle-connection', 'connectionsCut'],
  ['frame', 'framesDropped'],
  ['unproved-address', 'unproved'],
] as const satisfies readonly (readonly [string, keyof EgressCounters])[];

/** Adds the series. The function it returns reads the workers; call it before each scrape. */
export function observeServer(
  metrics: Metrics,
  { registry, pool, egress, sockets, descriptors, missingLines }: MetricsSources,
  limits: Pick<Limits, 'scrapeDeadlineMs'>,
): () => Promise<void> {
  observeRooms(metrics, registry);
  metrics.series('gauge', 'onecast_sockets', 'Open signalling sockets.', () => [[sockets()]]);
  metrics.series('gauge', 'onecast_transports', 'Open WebRTC transports.', () =>
    pool.workers.map(({ index, transports }): Sample => [transports, { worker: index }]),
  );
  observeDescriptors(metrics, descriptors);
  metrics.series(
    'counter',
    'onecast_log_lines_missing_total',
    'Lines that are not in the log: counted in a summary, or dropped because the log could not be written.',
    () => Object.entries(missingLines()).map(([reason, count]): Sample => [count, { reason }]),
  );
  metrics.series(
    'gauge',
    'onecast_worker_crash_loops',
    'Media workers that end soon after their start, or do not start, again and again.',
    () => [[pool.crashLoops]],
  );
  observeEgress(metrics, egress, pool);
  return observeWorkers(metrics, pool, limits);
}

function observeRooms(metrics: Metrics, registry: RoomRegistry): void {
  metrics.series('gauge', 'onecast_rooms', 'Rooms by status.', () => {
    const counts = new Map<string, number>(ROOM_STATUSES.map((status) => [status, 0]));
    for (const { state } of registry.rooms()) {
      counts.set(state.status, (counts.get(state.status) ?? 0) + 1);
    }
    return [...counts].map(([status, count]): Sample => [count, { status }]);
  });
  metrics.series('gauge', 'onecast_sessions', 'Sessions by role, absent ones included.', () => {
    const counts = { publisher: 0, viewer: 0 };
    for (const { role } of registry.members()) counts[role] += 1;
    return Object.entries(counts).map(([role, count]): Sample => [count, { role }]);
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
    'Viewers with a socket or media, by the method that matches overlay messages to frames.',
    () => {
      const counts = new Map<string, number>([...MATCH_METHODS, 'none'].map((name) => [name, 0]));
      for (const member of registry.members()) {
        if (member.role !== 'viewer' || !member.session.present) continue;
        const method = member.matchMethod ?? 'none';
        counts.set(method, (counts.get(method) ?? 0) + 1);
      }
      return [...counts].map(([method, count]): Sample => [count, { method }]);
    },
  );
}

function observeDescriptors(metrics: Metrics, descriptors: MetricsSources['descriptors']): void {
  const samples = (field: 'open' | 'max') => () =>
    [...descriptors.latest].map(([process, counts]): Sample => [counts[field], { process }]);
  metrics.series(
    'gauge',
    'onecast_open_fds',
    'Open file descriptors of a process (Linux).',
    samples('open'),
  );
  metrics.series(
    'gauge',
    'onecast_max_fds',
    'Limit of open file descriptors of a process (Linux).',
    samples('max'),
  );
}

function observeEgress(metrics: Metrics, egress: Egress, pool: WorkerPool): void {
  metrics.series('gauge', 'onecast_egress_batching', 'Batched sending: 1 for its state.', () => {
    const missing = egress.state === 'on' && pool.workers.some((worker) => !worker.egress);
    const current = missing ? 'unsupported' : egress.state;
    return EGRESS_STATES.map((state): Sample => [state === current ? 1 : 0, { state }]);
  });
  const samples = (of: (counters: EgressCounters) => Sample[]) => () =>
    pool.workers.flatMap(({ index, egress: stats }) =>
      stats
        ? of(stats.read()).map(([value, labels]): Sample => [value, { worker: index, ...labels }])
        : [],
    );
  metrics.series(
    'counter',
    'onecast_egress_datagrams_total',
    'Datagrams that a worker sent: after queueing (segmented or single), or directly.',
    samples((counters) => EGRESS_WAYS.map((way): Sample => [counters[way], { way }])),
  );
  metrics.series(
    'counter',
    'onecast_egress_refused_total',
    'Segmented messages that the kernel refused, and that were sent again one datagram at a time.',
    samples(({ refused }) => [[refused]]),
  );
  metrics.series(
    'counter',
    'onecast_egress_lost_total',
    'Queued datagrams that could not be sent.',
    samples(({ lost }) => [[lost]]),
  );
  metrics.series(
    'gauge',
    'onecast_media_port_protected',
    'Whether a media port is protected.',
    () =>
      pool.workers.map(({ index, egress: stats }): Sample => [stats ? 1 : 0, { worker: index }]),
  );
  metrics.series(
    'counter',
    'onecast_media_port_refused_total',
    'What was not sent or not accepted on a media port.',
    samples((counters) =>
      PROTECTIONS.map(([reason, field]): Sample => [counters[field], { reason }]),
    ),
  );
  metrics.series(
    'counter',
    'onecast_media_addresses_proved_total',
    'How often an address has proved that it receives: by answering a check, or by a handshake.',
    samples(({ provedByCheck, provedByHandshake }) => [
      [provedByCheck, { way: 'check' }],
      [provedByHandshake, { way: 'handshake' }],
    ]),
  );
}

function observeWorkers(
  metrics: Metrics,
  pool: WorkerPool,
  limits: Pick<Limits, 'scrapeDeadlineMs'>,
): () => Promise<void> {
  const workers = new Map<number, WorkerUsage>();
  const samples = (of: (usage: WorkerUsage) => Sample[]) => () =>
    [...workers].flatMap(([worker, usage]) =>
      of(usage).map(([value, labels]): Sample => [value, { worker, ...labels }]),
    );
  metrics.series(
    'gauge',
    'onecast_worker_up',
    '1 if the media worker answered in time, else 0.',
    samples(({ usage }) => [[usage ? 1 : 0]]),
  );
  metrics.series(
    'counter',
    'onecast_worker_cpu_seconds_total',
    'CPU time of a media worker since it started.',
    samples(({ usage }) =>
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
    'Largest resident memory of a media worker since it started.',
    samples(({ usage }) => (usage ? [[usage.ru_maxrss * 1_024]] : [])),
  );
  metrics.series(
    'gauge',
    'onecast_worker_memory_bytes',
    'Resident memory of a media worker (Linux).',
    samples(({ residentBytes }) => (residentBytes === undefined ? [] : [[residentBytes]])),
  );

  return async () => {
    const running = pool.workers;
    const usages = await Promise.all(
      running.map(({ worker }) => readWorker(worker, limits.scrapeDeadlineMs)),
    );
    // A slot without a worker counts as a worker that did not answer.
    for (let index = 0; index < pool.size; index += 1) workers.set(index, NO_ANSWER);
    for (const [i, { index }] of running.entries()) workers.set(index, usages[i] ?? NO_ANSWER);
  };
}

interface WorkerUsage {
  /** undefined if the worker did not answer in time. */
  readonly usage: types.WorkerResourceUsage | undefined;
  readonly residentBytes: number | undefined;
}

const NO_ANSWER: WorkerUsage = { usage: undefined, residentBytes: undefined };

async function readWorker(worker: types.Worker, deadlineMs: number): Promise<WorkerUsage> {
  const [usage, residentBytes] = await Promise.all([
    answerWithin(deadlineMs, worker.getResourceUsage()),
    residentBytesOf(worker.pid),
  ]);
  return { usage, residentBytes };
}

/** Undefined on failure too: a hung worker never answers and a closed one rejects, but a scrape must go on. */
async function answerWithin<T>(deadlineMs: number, answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), deadlineMs);
  });
  try {
    return await Promise.race([answer.catch(() => undefined), late]);
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
