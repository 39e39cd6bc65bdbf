import type { types } from 'mediasoup';
import type { types as client } from 'mediasoup-client';
import type { Limits } from '#config/limits.ts';
import { ROUTER_CODECS } from '#config/media.ts';
import type { Log } from '../../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import { consumeData, openChannel } from '../mediasoup-calls.ts';
import { offeredCapabilities } from '../rtp-parameters.ts';
import { Pipe } from './pipe.ts';
import { closeQuietly, createTransport } from './transports.ts';
import type { MediaWorker, WorkerPool } from '../workers/pool.ts';

/** A room's router on one worker, with a DirectTransport for the data channels of the server. */
export class RoomRouter {
  readonly mediaWorker: MediaWorker;
  readonly router: types.Router;
  readonly #limits: Limits;
  readonly #pipes = new Map<RoomRouter, Promise<Pipe>>();
  #direct: Promise<types.DirectTransport> | undefined;
  #transports = 0;
  #transportsChanged: () => void = () => undefined;

  /** @throws OnecastError `media-unavailable` */
  static async create(mediaWorker: MediaWorker, limits: Limits, log: Log): Promise<RoomRouter> {
    try {
      const router = await mediaWorker.worker.createRouter({ mediaCodecs: ROUTER_CODECS });
      return new RoomRouter(mediaWorker, router, limits);
    } catch (error) {
      log.warn({ err: error }, 'router could not be created');
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

  /** Number of transports of publishers and viewers that are open or being created. */
  get transports(): number {
    return this.#transports;
  }

  onTransportsChanged(listener: () => void): void {
    this.#transportsChanged = listener;
  }

  async createTransport(): Promise<types.WebRtcTransport> {
    this.#count(1);
    try {
      const transport = await createTransport(
        this.router,
        this.mediaWorker.webRtcServer,
        this.#limits,
      );
      transport.observer.once('close', () => this.#count(-1));
      return transport;
    } catch (error) {
      this.#count(-1);
      throw error;
    }
  }

  /** Lets viewers of `to` consume `source`. False if the source or either router has closed. */
  async pipeTo(to: RoomRouter, source: types.Producer | types.DataProducer): Promise<boolean> {
    if (to === this) return true;
    try {
      const pipe = await this.#pipe(to);
      await pipe.forward(source);
      return true;
    } catch (error) {
      if (source.closed || this.closed || to.closed) return false;
      throw error;
    }
  }

  async #pipe(to: RoomRouter): Promise<Pipe> {
    const existing = this.#pipes.get(to);
    if (existing) {
      const pipe = await existing.catch(() => undefined);
      if (pipe && !pipe.closed) return pipe;
      if (this.#pipes.get(to) !== existing) return this.#pipe(to);
    }
    const opening = Pipe.open(this.router, to.router, this.#limits);
    this.#pipes.set(to, opening);
    const forget = () => {
      if (this.#pipes.get(to) === opening) this.#pipes.delete(to);
    };
    opening.catch(forget);
    to.router.observer.once('close', forget);
    return opening;
  }

  /**
   * Called before any await: sessions that join at the same moment then count each other when they
   * choose a worker.
   */
  #count(change: 1 | -1): void {
    this.#transports += change;
    this.mediaWorker.transports += change;
    this.#transportsChanged();
  }

  /** Passes every message of `dataProducer` to `onMessage` until the producer closes. */
  async tap(dataProducer: types.DataProducer, onMessage: (message: Buffer) => void): Promise<void> {
    const transport = await this.#directTransport();
    if (dataProducer.closed) return;
    const consumer = await consumeData(transport, dataProducer);
    consumer.on('message', (message) => onMessage(message));
  }

  /** Opens a data channel of the server. Viewers consume it like the publisher's channel. */
  async openChannel(label: string): Promise<types.DataProducer> {
    return openChannel(await this.#directTransport(), label);
  }

  #directTransport(): Promise<types.DirectTransport> {
    this.#direct ??= this.router.createDirectTransport();
    return this.#direct;
  }

  close(): void {
    closeQuietly(this.router);
  }
}

/**
 * The RTP capabilities of every router of this server, read from a router that is created for this
 * and closed again. @throws if there is no worker
 */
export async function routerCapabilities(
  pool: Pick<WorkerPool, 'workers'>,
): Promise<client.RtpCapabilities> {
  const [first] = pool.workers;
  if (!first) throw new Error('no media worker');
  const router = await first.worker.createRouter({ mediaCodecs: ROUTER_CODECS });
  const { rtpCapabilities } = router;
  router.close();
  return offeredCapabilities(rtpCapabilities);
}
