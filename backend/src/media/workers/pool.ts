import { EventEmitter, once } from 'node:events';
import type { types } from 'mediasoup';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { listenInfos } from '#config/media.ts';
import { type Log, runInBackground } from '../../observability/log.ts';
import type { Metrics, WorkerLoss } from '../../observability/metrics.ts';
import { mediaPorts, namePortFault } from '../../ports/port-check.ts';
import type { Egress } from './egress.ts';
import { EgressStats } from './egress-stats.ts';
import { CrashLoop } from './crash-loop.ts';
import { Watchdog } from './watchdog.ts';
import { WorkerLoad } from './load.ts';
import { kill, startWorker, type WorkerStart } from './worker-process.ts';

/** One running worker process with its WebRtcServer. */
export interface MediaWorker {
  /** Slot in the pool, 0 … workers-1. It decides the worker's ports. */
  readonly index: number;
  readonly worker: types.Worker;
  readonly webRtcServer: types.WebRtcServer;
  /** Counters of native/egress, if this worker has loaded it. */
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
  readonly #slots: readonly Slot[];
  readonly #starts = new Set<WorkerStart<unknown>>();
  readonly #watchdogs = new Map<types.Worker, Watchdog>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #alarmed = false;
  #draining = false;
  #closed = false;

  /**
   * Resolves when every worker is ready.
   * @param signal ends the start: the pool closes
   * @throws if a worker can't be started
   */
  static async create(
    config: Config,
    limits: Limits,
    log: Log,
    metrics: Metrics,
    egress: Egress,
    signal?: AbortSignal,
  ): Promise<WorkerPool> {
    const pool = new WorkerPool(config, limits, log, metrics, egress);
    const abort = () => pool.close();
    signal?.addEventListener('abort', abort);
    try {
      signal?.throwIfAborted();
      await Promise.all(pool.#slots.map((_, index) => pool.#spawn(index)));
      signal?.throwIfAborted();
    } catch (error) {
      pool.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
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
    this.#slots = Array.from({ length: config.workers }, () => ({
      worker: undefined,
      settled: false,
      loop: new CrashLoop(limits),
    }));
  }

  /** True while every worker is running, and none has just replaced one that soon ended. */
  get ready(): boolean {
    return !this.#closed && this.#slots.every(({ worker, settled }) => worker && settled);
  }

  /** Number of workers that end, or fail to start, again and again. */
  get crashLoops(): number {
    return this.#slots.filter(({ loop }) => loop.isAlarming).length;
  }

  /** Number of workers as configured, including those that are being replaced. */
  get size(): number {
    return this.#slots.length;
  }

  get workers(): readonly MediaWorker[] {
    return this.#slots.flatMap(({ worker }) => worker ?? []);
  }

  /** If no worker is running, waits for the first that is ready, at most `workerWaitMs`. */
  async waitForWorker(): Promise<void> {
    if (this.workers.length > 0 || this.#closed) return;
    const signal = AbortSignal.timeout(this.#limits.workerWaitMs);
    await once(this, 'workerReady', { signal }).catch(() => undefined);
  }

  /** Call this when the process is stopping: a worker that ends is not replaced then. */
  drain(): void {
    this.#draining = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const start of this.#starts) start.abort();
    for (const watchdog of this.#watchdogs.values()) watchdog.close();
    for (const { worker, egress } of this.workers) {
      egress?.close();
      closeWorker(worker, this.#log);
    }
    this.removeAllListeners();
  }

  async #spawn(index: number): Promise<void> {
    const command = {
      workerBin: this.#config.workerBin,
      egressLibrary: this.#egress.library,
      egressDirect: this.#egress.state !== 'on',
    };
    const start = startWorker(command, this.#limits.workerStartMs, async (created) => {
      removeSignalHandlers(created);
      const listen = listenInfos(this.#config, this.#limits, index);
      return {
        worker: created,
        webRtcServer: await created
          .createWebRtcServer({ listenInfos: listen })
          .catch((error: unknown) => namePortFault(error, mediaPorts(this.#config, index))),
      };
    });
    this.#starts.add(start);
    const { worker, webRtcServer } = await start.done.finally(() => this.#starts.delete(start));
    const log = this.#log.child({ worker: index, pid: worker.pid });
    // During the awaits the pool may have closed, or the process may have died.
    if (this.#closed || worker.closed) {
      closeWorker(worker, log);
      if (!this.#closed) throw new Error('the media worker died while it started');
      return;
    }
    const egress = EgressStats.of(worker.pid);
    if (this.#egress.library !== undefined && !egress)
      log.warn('this worker has not loaded the library: it does not batch, and is not protected');
    const load = new WorkerLoad(this.#limits);
    const mediaWorker: MediaWorker = { index, worker, webRtcServer, egress, transports: 0, load };
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
          kill(worker.pid);
        },
      }),
    );
    log.info('media worker ready');
    this.#settle(mediaWorker);
    this.emit('workerReady', mediaWorker);
  }

  /** The slot has a worker now, and counts as ready when the worker has lived long enough. */
  #settle(mediaWorker: MediaWorker): void {
    const slot = this.#slot(mediaWorker.index);
    slot.worker = mediaWorker;
    const waitMs = slot.loop.started(performance.now());
    slot.settled = waitMs === 0;
    if (slot.settled) return;
    this.#after(waitMs, () => {
      if (slot.worker !== mediaWorker) return;
      slot.settled = true;
      slot.loop.settled(performance.now());
      this.#updateAlarm();
    });
  }

  #workerDied(mediaWorker: MediaWorker, error: Error, reason: WorkerLoss): void {
    const { index, worker } = mediaWorker;
    this.#watchdogs.get(worker)?.close();
    this.#watchdogs.delete(worker);
    const slot = this.#slot(index);
    slot.worker = undefined;
    mediaWorker.egress?.close();
    if (this.#closed || this.#draining) return;
    this.#metrics.workerLost(reason);
    this.#log.error({ worker: index, pid: worker.pid, err: error }, 'media worker died');
    // Sessions that arrive before the replacement is ready do not wait for it: they use another worker
    // or are refused with `media-unavailable`.
    this.#respawn(index, slot.loop.ended(performance.now()));
    this.emit('workerLost', mediaWorker);
  }

  #respawn(index: number, pauseMs: number): void {
    this.#updateAlarm();
    this.#after(pauseMs, () => {
      const spawned = this.#spawn(index).then(
        () => this.#metrics.recovered('worker-replaced'),
        (error: unknown) => {
          if (this.#closed) return;
          this.#metrics.workerLost('not-started');
          this.#log.error({ worker: index, err: error }, 'media worker does not start');
          this.#respawn(index, this.#slot(index).loop.failed());
        },
      );
      runInBackground(this.#log, 'respawn', spawned);
    });
  }

  /** Logs once when the first worker ends again and again, and once when all stay up. */
  #updateAlarm(): void {
    const workers = this.crashLoops;
    if (workers > 0 === this.#alarmed) return;
    this.#alarmed = workers > 0;
    if (this.#alarmed) {
      this.#log.error(
        { workers },
        'media workers end soon after they start, again and again: check the worker binary, its library and the memory of this machine',
      );
    } else this.#log.warn('media workers stay up again');
  }

  #after(delayMs: number, task: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#closed) task();
    }, delayMs);
    this.#timers.add(timer);
  }

  #slot(index: number): Slot {
    const slot = this.#slots[index];
    if (!slot) throw new Error(`there is no slot ${index}`);
    return slot;
  }
}

/** The place of a worker in the pool, which its replacements inherit. */
interface Slot {
  worker: MediaWorker | undefined;
  /** The worker has lived long enough for its slot to count as ready. */
  settled: boolean;
  readonly loop: CrashLoop;
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
    kill(worker.pid);
  }
}
