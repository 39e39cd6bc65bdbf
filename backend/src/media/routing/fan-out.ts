import type { Limits } from '#config/limits.ts';
import type { Log } from '../../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import { placeRoom, placeViewer } from './placement.ts';
import { RoomRouter } from './room-router.ts';
import type { MediaWorker, WorkerPool } from '../workers/pool.ts';

/**
 * One room's routers: its home, where the publisher sends to, and one on each further worker that the
 * room has spread to, fed once each by a pipe. Of these, one that nobody is on is closed after a while.
 */
export class FanOut {
  readonly #pool: WorkerPool;
  readonly #limits: Limits;
  readonly #log: Log;
  /** In the order in which they were opened. */
  readonly #routers = new Map<MediaWorker, Promise<RoomRouter>>();
  readonly #open = new Set<RoomRouter>();
  readonly #emptied = new Map<RoomRouter, NodeJS.Timeout>();
  #home: RoomRouter | undefined;
  #closed = false;

  constructor(pool: WorkerPool, limits: Limits, log: Log) {
    this.#pool = pool;
    this.#limits = limits;
    this.#log = log;
  }

  /** Routers that are open now. */
  get routers(): readonly RoomRouter[] {
    return [...this.#open].filter(({ closed }) => !closed);
  }

  /** Where publishers send to and what the room keeps is kept; made when first needed. */
  async home(): Promise<RoomRouter> {
    const home = this.openHome;
    if (home) return home;
    return this.#at(await this.#somewhere(placeRoom));
  }

  /** The same, if it is there. Where it was lost, the fullest of the others takes its place. */
  get openHome(): RoomRouter | undefined {
    if (this.#home?.closed !== false) {
      this.#home = this.routers.toSorted((a, b) => b.transports - a.transports)[0];
      if (this.#home) this.#updateEmptyTimer(this.#home);
    }
    return this.#home;
  }

  /** Where the next viewer receives from. */
  async forViewer(): Promise<RoomRouter> {
    return this.#at(await this.#somewhere((places) => placeViewer(places, this.#limits)));
  }

  /** Its transports and pipes are gone. True where the room had a router there. */
  workerLost(worker: MediaWorker): boolean {
    const had = this.#routers.delete(worker);
    for (const router of this.#open) if (router.mediaWorker === worker) this.#forget(router);
    return had;
  }

  close(): void {
    this.#closed = true;
    for (const router of this.#open) {
      this.#forget(router);
      router.close();
    }
    this.#routers.clear();
  }

  async #somewhere(
    choose: (places: Parameters<typeof placeRoom<MediaWorker>>[0]) => MediaWorker | undefined,
  ): Promise<MediaWorker> {
    // While all are being replaced, the first that is ready in time.
    await this.#pool.someReady();
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

  /** The room's router on this worker, made when first needed. @throws OnecastError `media-unavailable` */
  #at(worker: MediaWorker): Promise<RoomRouter> {
    const known = this.#routers.get(worker);
    if (known) return known;
    const opening = this.#create(worker);
    this.#routers.set(worker, opening);
    opening.catch(() => {
      if (this.#routers.get(worker) === opening) this.#routers.delete(worker);
    });
    return opening;
  }

  async #create(worker: MediaWorker): Promise<RoomRouter> {
    const router = await RoomRouter.create(worker, this.#limits, this.#log);
    if (this.#closed) {
      router.close();
      throw new OnecastError('session-gone');
    }
    if (router.closed) throw new OnecastError('media-unavailable');
    this.#open.add(router);
    router.onTransportsChanged(() => this.#updateEmptyTimer(router));
    if (this.#open.size > 1) {
      this.#log.info({ worker: worker.index, routers: this.#open.size }, 'room spread');
    }
    return router;
  }

  #updateEmptyTimer(router: RoomRouter): void {
    if (router.transports > 0 || router === this.openHome || this.#closed) {
      clearTimeout(this.#emptied.get(router));
      this.#emptied.delete(router);
      return;
    }
    if (this.#emptied.has(router)) return;
    const timer = setTimeout(() => {
      this.#forget(router);
      this.#routers.delete(router.mediaWorker);
      router.close();
      this.#log.info({ worker: router.mediaWorker.index }, 'room drew together');
    }, this.#limits.emptyRouterMs);
    timer.unref();
    this.#emptied.set(router, timer);
  }

  #forget(router: RoomRouter): void {
    this.#open.delete(router);
    clearTimeout(this.#emptied.get(router));
    this.#emptied.delete(router);
  }
}
