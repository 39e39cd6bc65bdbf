import type { Limits } from '#config/limits.ts';
import type { Log } from '../../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import { placeRoom, placeViewer, type WorkerCandidate } from './placement.ts';
import { RoomRouter } from './room-router.ts';
import type { MediaWorker, WorkerPool } from '../workers/pool.ts';

/**
 * One room's routers. The publisher sends to the home router. When the room spreads to more workers,
 * each of them gets one router, which receives the broadcast once through a pipe. A router without
 * transports, other than the home router, is closed after `emptyRouterMs`.
 */
export class FanOut {
  readonly #pool: WorkerPool;
  readonly #limits: Limits;
  readonly #log: Log;
  /** By worker, in the order in which they were created. */
  readonly #routers = new Map<MediaWorker, Promise<RoomRouter>>();
  readonly #open = new Set<RoomRouter>();
  readonly #emptyTimers = new Map<RoomRouter, NodeJS.Timeout>();
  #home: RoomRouter | undefined;
  #closed = false;

  constructor(pool: WorkerPool, limits: Limits, log: Log) {
    this.#pool = pool;
    this.#limits = limits;
    this.#log = log;
  }

  get routers(): readonly RoomRouter[] {
    return [...this.#open].filter(({ closed }) => !closed);
  }

  /** The router that publishers send to, and that holds the room's own channels. Created on demand. */
  async home(): Promise<RoomRouter> {
    const home = this.openHome;
    if (home) return home;
    return this.#routerOn(await this.#chooseWorker(placeRoom));
  }

  /** The home router, if the room has one. If it was lost, the router with the most transports replaces it. */
  get openHome(): RoomRouter | undefined {
    if (this.#home?.closed !== false) {
      this.#home = this.routers.toSorted((a, b) => b.transports - a.transports)[0];
      if (this.#home) this.#updateEmptyTimer(this.#home);
    }
    return this.#home;
  }

  /** The router that the next viewer receives from. */
  async forViewer(): Promise<RoomRouter> {
    return this.#routerOn(
      await this.#chooseWorker((candidates) => placeViewer(candidates, this.#limits)),
    );
  }

  /** The worker's transports and pipes are gone. True if the room had a router on that worker. */
  workerLost(worker: MediaWorker): boolean {
    const had = this.#routers.delete(worker);
    for (const router of this.#open) if (router.mediaWorker === worker) this.#remove(router);
    return had;
  }

  close(): void {
    this.#closed = true;
    for (const router of this.#open) {
      this.#remove(router);
      router.close();
    }
    this.#routers.clear();
  }

  async #chooseWorker(
    choose: (candidates: readonly WorkerCandidate<MediaWorker>[]) => MediaWorker | undefined,
  ): Promise<MediaWorker> {
    // If all workers are being replaced, use the first that is ready in time.
    await this.#pool.waitForWorker();
    const own = [...this.#routers.keys()];
    const others = this.#pool.workers.filter((worker) => !this.#routers.has(worker));
    const worker = choose(
      [...own, ...others].map((candidate) => ({
        worker: candidate,
        load: candidate.load.estimate(candidate.transports),
        transports: candidate.transports,
        inRoom: this.#routers.has(candidate),
      })),
    );
    if (!worker) throw new OnecastError('media-unavailable');
    return worker;
  }

  /** The room's router on this worker, created on demand. @throws OnecastError `media-unavailable` */
  #routerOn(worker: MediaWorker): Promise<RoomRouter> {
    const existing = this.#routers.get(worker);
    if (existing) return existing;
    const opening = this.#createRouter(worker);
    this.#routers.set(worker, opening);
    opening.catch(() => {
      if (this.#routers.get(worker) === opening) this.#routers.delete(worker);
    });
    return opening;
  }

  async #createRouter(worker: MediaWorker): Promise<RoomRouter> {
    const router = await RoomRouter.create(worker, this.#limits, this.#log);
    if (this.#closed) {
      router.close();
      throw new OnecastError('session-gone');
    }
    if (router.closed) throw new OnecastError('media-unavailable');
    this.#open.add(router);
    router.onTransportsChanged(() => this.#updateEmptyTimer(router));
    if (this.#open.size > 1) {
      this.#log.info(
        { worker: worker.index, routers: this.#open.size },
        'room spread to another worker',
      );
    }
    return router;
  }

  #updateEmptyTimer(router: RoomRouter): void {
    if (router.transports > 0 || router === this.openHome || this.#closed) {
      clearTimeout(this.#emptyTimers.get(router));
      this.#emptyTimers.delete(router);
      return;
    }
    if (this.#emptyTimers.has(router)) return;
    const timer = setTimeout(() => {
      this.#remove(router);
      this.#routers.delete(router.mediaWorker);
      router.close();
      this.#log.info({ worker: router.mediaWorker.index }, 'empty router closed');
    }, this.#limits.emptyRouterMs);
    timer.unref();
    this.#emptyTimers.set(router, timer);
  }

  #remove(router: RoomRouter): void {
    this.#open.delete(router);
    clearTimeout(this.#emptyTimers.get(router));
    this.#emptyTimers.delete(router);
  }
}
