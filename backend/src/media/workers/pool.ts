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

/** One living worker process with its WebRtcServer. */
export interface MediaWorker {
  /** Its seat: 0 … workers-1; decides its ports. */
  readonly index: number;
  readonly worker: types.Worker;
  readonly webRtcServer: types.WebRtcServer;
  /** Figures of batched sending, where that is on. */
  readonly egress: EgressStats | undefined;
  /** Transports of publishers and viewers, open or on their way. */
  transports: number;
  readonly load: WorkerLoad;
}

interface WorkerPoolEvents {
  /** The process is gone, and with it every router on it. */
  workerLost: [MediaWorker];
  /** A seat is taken again. */
  workerReady: [MediaWorker];
}

/**
 * Spawns the media workers, watches each, measures how busy it is and replaces the dead on the same
 * ports.
 */
export class WorkerPool extends EventEmitter<WorkerPoolEvents> {
  readonly #config: Config;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #egress: Egress;
  readonly #seats: (MediaWorker | undefined)[];
  readonly #watchdogs = new Map<types.Worker, Watchdog>();
  readonly #respawns = new Set<NodeJS.Timeout>();
  #draining = false;
  #closed = false;

  /** Resolves when every worker is up. @throws where one can't be started. */
  static async create(
    config: Config,
    limits: Limits,
    log: Log,
    metrics: Metrics,
    egress: Egress,
  ): Promise<WorkerPool> {
    const pool = new WorkerPool(config, limits, log, metrics, egress);
    try {
      await Promise.all(pool.#seats.map((_, index) => pool.#spawn(index)));
    } catch (error) {
      pool.close();
      throw error;
    }
    return pool;
  }

  private constructor(config: Config, limits: Limits, log: Log, metrics: Metrics, egress: Egress) {
    super();
    // Every room listens.
    this.setMaxListeners(0);
    this.#config = config;
    this.#limits = limits;
    this.#log = log;
    this.#metrics = metrics;
    this.#egress = egress;
    this.#seats = Array.from({ length: config.workers }, () => undefined);
  }

  /** True while every seat is taken. */
  get ready(): boolean {
    return !this.#closed && this.#seats.every((seat) => seat !== undefined);
  }

  /** How many workers there should be. */
  get size(): number {
    return this.#seats.length;
  }

  get workers(): readonly MediaWorker[] {
    return this.#seats.filter((seat) => seat !== undefined);
  }

  /** While all are being replaced: until the first is ready, or `workerWaitMs` have passed. */
  async someReady(): Promise<void> {
    if (this.workers.length > 0 || this.#closed) return;
    const signal = AbortSignal.timeout(this.#limits.workerWaitMs);
    await once(this, 'workerReady', { signal }).catch(() => undefined);
  }

  /** The process is stopping: a terminal's Ctrl+C ends the workers too, and none is replaced. */
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
    // mediasoup's own where undefined.
    const { workerBin } = this.#egress.state === 'on' ? this.#egress : this.#config;
    const worker = await createWorker({
      logLevel: 'warn',
      ...(workerBin !== undefined && { workerBin }),
    });
    keepSignalsToTheApp(worker);
    const log = this.#log.child({ worker: index, pid: worker.pid });
    const webRtcServer = await worker
      .createWebRtcServer({ listenInfos: listenInfos(this.#config, this.#limits, index) })
      .catch((error: unknown) => {
        closeWorker(worker, log);
        throw error;
      });
    // After the awaits the pool may be closing, or the process may be dead already.
    if (this.#closed || worker.closed) {
      closeWorker(worker, log);
      if (!this.#closed) throw new Error('the media worker died while it started');
      return;
    }
    const egress = EgressStats.of(worker.pid);
    if (this.#egress.state === 'on' && !egress) log.warn('batched sending is not in this worker');
    const load = new WorkerLoad(this.#limits);
    const seat: MediaWorker = { index, worker, webRtcServer, egress, transports: 0, load };
    this.#seats[index] = seat;
    let hung = false;
    worker.once('died', (error) => this.#lost(seat, error, hung ? 'hung' : 'died'));
    this.#watchdogs.set(
      worker,
      new Watchdog(worker, this.#limits, {
        answered: (usage, tookMs) => {
          seat.load.measured(usage, tookMs, seat.transports, performance.now());
        },
        hangs: (reason) => {
          log.error({ reason }, 'media worker hangs: killed');
          hung = true;
          kill(worker);
        },
      }),
    );
    log.info('media worker ready');
    this.emit('workerReady', seat);
  }

  #lost(seat: MediaWorker, error: Error, reason: WorkerLoss): void {
    this.#watchdogs.get(seat.worker)?.close();
    this.#watchdogs.delete(seat.worker);
    this.#seats[seat.index] = undefined;
    seat.egress?.close();
    if (this.#closed || this.#draining) return;
    this.#metrics.workerLost(reason);
    this.#log.error({ worker: seat.index, pid: seat.worker.pid, err: error }, 'media worker died');
    // The seat is filled before the rooms are told, where that works at once; sessions that come
    // earlier wait for nothing: they are placed on another worker or told to try later.
    this.#respawn(seat.index, this.#limits.respawnMinMs, true);
    this.emit('workerLost', seat);
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
 * mediasoup closes a worker on SIGTERM and SIGINT before the application's own handler runs, which
 * makes a drain impossible. `onSignal` is no public field, hence the guard; a test holds it.
 */
function keepSignalsToTheApp(worker: types.Worker): void {
  const onSignal: unknown = Reflect.get(worker, 'onSignal');
  if (!isListener(onSignal)) return;
  process.off('SIGTERM', onSignal);
  process.off('SIGINT', onSignal);
}

function isListener(value: unknown): value is () => void {
  return typeof value === 'function';
}

/** A worker whose channel is poisoned throws on close(); SIGKILL works on every one. */
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
    // It is gone already.
  }
}
