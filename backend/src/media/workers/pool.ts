import { EventEmitter, once } from 'node:events';
import { createWorker, type types } from 'mediasoup';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { listenInfos } from '#config/media.ts';
import { type Log, runInBackground } from '../../observability/log.ts';
import type { Metrics, WorkerLoss } from '../../observability/metrics.ts';
import type { Egress } from './egress.ts';
import { EgressStats } from './egress-stats.ts';
import { Watchdog } from './watchdog.ts';
import { WorkerLoad } from './load.ts';

/** One running worker process with its WebRtcServer. */
export interface MediaWorker {
  /** Slot in the pool, 0 … workers-1. It decides the worker's ports. */
  readonly index: number;
  readonly worker: types.Worker;
  readonly webRtcServer: types.WebRtcServer;
  /** Counters of batched sending, if that is on in this worker. */
  readonly egress: EgressStats | undefined;
  /** Number of transports of publishers and viewers that are open or being created. */
  transports: number;
  readonly load: WorkerLoad;
}

interface WorkerPoolEvents {
  /** The process has died, and with it every router on it. */
  workerLost: [MediaWorker];
  /** A worker has started, at the beginning or as a replacement. */
  workerReady: [MediaWorker];
}

/**
 * Starts the media workers, watches them, measures how busy each is, and replaces a dead one on the
 * same ports.
 */
export class WorkerPool extends EventEmitter<WorkerPoolEvents> {
  readonly #config: Config;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #egress: Egress;
  readonly #slots: (MediaWorker | undefined)[];
  readonly #watchdogs = new Map<types.Worker, Watchdog>();
  readonly #respawns = new Set<NodeJS.Timeout>();
  #draining = false;
  #closed = false;

  /** Resolves when every worker is ready. @throws if one can't be started */
  static async create(
    config: Config,
    limits: Limits,
    log: Log,
    metrics: Metrics,
    egress: Egress,
  ): Promise<WorkerPool> {
    const pool = new WorkerPool(config, limits, log, metrics, egress);
    try {
      await Promise.all(pool.#slots.map((_, index) => pool.#spawn(index)));
    } catch (error) {
      pool.close();
      throw error;
    }
    return pool;
  }

  private constructor(config: Config, limits: Limits, log: Log, metrics: Metrics, egress: Egress) {
    super();
    // Every room adds a listener.
    this.setMaxListeners(0);
    this.#config = config;
    this.#limits = limits;
    this.#log = log;
    this.#metrics = metrics;
    this.#egress = egress;
    this.#slots = Array.from({ length: config.workers }, () => undefined);
  }

  /** True while every worker is running. */
  get ready(): boolean {
    return !this.#closed && this.#slots.every((slot) => slot !== undefined);
  }

  /** Number of workers as configured, including those that are being replaced. */
  get size(): number {
    return this.#slots.length;
  }

  get workers(): readonly MediaWorker[] {
    return this.#slots.filter((slot) => slot !== undefined);
  }

  /** If no worker is running, waits for the first that is ready, at most `workerWaitMs`. */
  async waitForWorker(): Promise<void> {
    if (this.workers.length > 0 || this.#closed) return;
    const signal = AbortSignal.timeout(this.#limits.workerWaitMs);
    await once(this, 'workerReady', { signal }).catch(() => undefined);
  }

  /** Call this when the process is stopping. Ctrl+C in a terminal ends the workers too; none is replaced then. */
  drain(): void {
    this.#draining = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#respawns) clearTimeout(timer);
    for (const watchdog of this.#watchdogs.values()) watchdog.close();
    for (const { worker, egress } of this.workers) {
      egress?.close();
      closeWorker(worker, this.#log);
    }
    this.removeAllListeners();
  }

  async #spawn(index: number): Promise<void> {
    // If undefined, mediasoup uses its own binary.
    const { workerBin } = this.#egress.state === 'on' ? this.#egress : this.#config;
    const worker = await createWorker({
      logLevel: 'warn',
      ...(workerBin !== undefined && { workerBin }),
    });
    removeSignalHandlers(worker);
    const log = this.#log.child({ worker: index, pid: worker.pid });
    const webRtcServer = await worker
      .createWebRtcServer({ listenInfos: listenInfos(this.#config, this.#limits, index) })
      .catch((error: unknown) => {
        closeWorker(worker, log);
        throw error;
      });
    // During the awaits the pool may have closed, or the process may have died.
    if (this.#closed || worker.closed) {
      closeWorker(worker, log);
      if (!this.#closed) throw new Error('the media worker died while it started');
      return;
    }
    const egress = EgressStats.of(worker.pid);
    if (this.#egress.state === 'on' && !egress)
      log.warn('batched sending is not active in this worker');
    const load = new WorkerLoad(this.#limits);
    const mediaWorker: MediaWorker = { index, worker, webRtcServer, egress, transports: 0, load };
    this.#slots[index] = mediaWorker;
    let hung = false;
    worker.once('died', (error) => this.#workerDied(mediaWorker, error, hung ? 'hung' : 'died'));
    this.#watchdogs.set(
      worker,
      new Watchdog(worker, this.#limits, {
        answered: (usage, tookMs) => {
          load.record(usage, tookMs, mediaWorker.transports, performance.now());
        },
        hung: (reason) => {
          log.error({ reason }, 'media worker hangs: killed');
          hung = true;
          kill(worker);
        },
      }),
    );
    log.info('media worker ready');
    this.emit('workerReady', mediaWorker);
  }

  #workerDied(mediaWorker: MediaWorker, error: Error, reason: WorkerLoss): void {
    const { index, worker } = mediaWorker;
    this.#watchdogs.get(worker)?.close();
    this.#watchdogs.delete(worker);
    this.#slots[index] = undefined;
    mediaWorker.egress?.close();
    if (this.#closed || this.#draining) return;
    this.#metrics.workerLost(reason);
    this.#log.error({ worker: index, pid: worker.pid, err: error }, 'media worker died');
    // A replacement is started at once. Sessions that arrive before it is ready do not wait for it:
    // they use another worker or are refused with `media-unavailable`.
    this.#respawn(index, this.#limits.respawnMinMs, true);
    this.emit('workerLost', mediaWorker);
  }

  #respawn(index: number, delayMs: number, atOnce: boolean): void {
    const attempt = () => {
      this.#respawns.delete(timer);
      if (this.#closed) return;
      const spawned = this.#spawn(index).then(
        () => this.#metrics.recovered('worker-replaced'),
        (error: unknown) => {
          this.#log.error({ worker: index, err: error }, 'media worker does not start');
          this.#respawn(index, Math.min(delayMs * 2, this.#limits.respawnMaxMs), false);
        },
      );
      runInBackground(this.#log, 'respawn', spawned);
    };
    const timer = setTimeout(attempt, atOnce ? 0 : delayMs);
    this.#respawns.add(timer);
  }
}

/**
 * Removes mediasoup's signal handlers. mediasoup closes a worker on SIGTERM and SIGINT before the
 * application's own handler runs, which makes a drain impossible. `onSignal` is not a public field,
 * so its type is checked here; a test fails if mediasoup renames it.
 */
function removeSignalHandlers(worker: types.Worker): void {
  const onSignal: unknown = Reflect.get(worker, 'onSignal');
  if (!isListener(onSignal)) return;
  process.off('SIGTERM', onSignal);
  process.off('SIGINT', onSignal);
}

function isListener(value: unknown): value is () => void {
  return typeof value === 'function';
}

/** `close()` throws if the channel to the worker is broken; SIGKILL always works. */
function closeWorker(worker: types.Worker, log: Log): void {
  try {
    worker.close();
  } catch (error) {
    log.warn({ err: error }, 'media worker could not be closed: killed');
    kill(worker);
  }
}

function kill(worker: types.Worker): void {
  try {
    process.kill(worker.pid, 'SIGKILL');
  } catch {
    // The process has ended already.
  }
}
