import type { types } from 'mediasoup';
import type { types as client } from 'mediasoup-client';
import type { Limits } from '../../../config/limits.ts';
import { ROUTER_CODECS } from '../../../config/media.ts';
import type { Log } from '../observability/log.ts';
import { OnecastError } from '../protocol/errors.ts';
import { canConsume, consumeData } from './door.ts';
import { forClientCapabilities, type Rebuilt } from './rtp-parameters.ts';
import { createTransport } from './transports.ts';
import type { MediaWorker, WorkerPool } from './worker-pool.ts';

/** The router of one room on one worker, with a DirectTransport that taps the overlay. */
export class RoomRouter {
  readonly mediaWorker: MediaWorker;
  readonly router: types.Router;
  readonly #limits: Limits;
  #tap: Promise<types.DirectTransport> | undefined;

  /** Places the room on the least busy worker. @throws OnecastError `media-unavailable` */
  static async create(pool: WorkerPool, limits: Limits, log: Log): Promise<RoomRouter> {
    const mediaWorker = await pool.available();
    if (!mediaWorker) throw new OnecastError('media-unavailable');
    try {
      const router = await mediaWorker.worker.createRouter({ mediaCodecs: ROUTER_CODECS });
      return new RoomRouter(mediaWorker, router, limits);
    } catch (error) {
      log.warn({ err: error }, 'no router on this worker');
      throw new OnecastError('media-unavailable', undefined, { cause: error });
    }
  }

  private constructor(mediaWorker: MediaWorker, router: types.Router, limits: Limits) {
    this.mediaWorker = mediaWorker;
    this.router = router;
    this.#limits = limits;
  }

  get closed(): boolean {
    return this.router.closed;
  }

  createTransport(): Promise<types.WebRtcTransport> {
    return createTransport(this.router, this.mediaWorker, this.#limits);
  }

  canReceive(producer: types.Producer, rtpCapabilities: Rebuilt<types.RtpCapabilities>): boolean {
    return canConsume(this.router, producer, rtpCapabilities);
  }

  /** Hands every message of `dataProducer` to `onMessage` until the producer closes. */
  async tap(dataProducer: types.DataProducer, onMessage: (text: string) => void): Promise<void> {
    this.#tap ??= this.router.createDirectTransport();
    const transport = await this.#tap;
    if (dataProducer.closed) return;
    const consumer = await consumeData(transport, dataProducer);
    consumer.on('message', (message) => onMessage(message.toString('utf8')));
  }

  /** Never throws, not even on a worker whose channel is broken. */
  close(): void {
    try {
      this.router.close();
    } catch {
      // The watchdog replaces such a worker.
    }
  }
}

/** What every router of this server speaks, read from one made for the purpose. @throws without a worker */
export async function routerCapabilities(
  pool: Pick<WorkerPool, 'workers'>,
): Promise<client.RtpCapabilities> {
  const [first] = pool.workers;
  if (!first) throw new Error('no media worker');
  const router = await first.worker.createRouter({ mediaCodecs: ROUTER_CODECS });
  const { rtpCapabilities } = router;
  router.close();
  return forClientCapabilities(rtpCapabilities);
}
