import type { types } from 'mediasoup';
import type { types as client } from 'mediasoup-client';
import type { Limits } from '#config/limits.ts';
import { ROUTER_CODECS } from '#config/media.ts';
import type { Log } from '../../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import { consumeData, openChannel } from '../mediasoup-calls.ts';
import { forClientCapabilities } from '../rtp-parameters.ts';
import { Pipe } from './pipe.ts';
import { createTransport } from './transports.ts';
import type { MediaWorker, WorkerPool } from '../workers/pool.ts';

/** A router of one room on one worker, with a DirectTransport for the server's own part in the overlay. */
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

  /** Those of publishers and viewers, open or on their way. */
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

  /** Lets viewers of `to` consume what is produced here. False where it, or either end, has gone. */
  async pipeTo(to: RoomRouter, source: types.Producer | types.DataProducer): Promise<boolean> {
    if (to === this) return true;
    try {
      const pipe = await this.#pipe(to);
      await pipe.carry(source);
      return true;
    } catch (error) {
      if (source.closed || this.closed || to.closed) return false;
      throw error;
    }
  }

  async #pipe(to: RoomRouter): Promise<Pipe> {
    const known = this.#pipes.get(to);
    if (known) {
      const pipe = await known.catch(() => undefined);
      if (pipe && !pipe.closed) return pipe;
      if (this.#pipes.get(to) !== known) return this.#pipe(to);
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

  /** Before anything is awaited, so that those who come at once are seen by each other's placing. */
  #count(change: 1 | -1): void {
    this.#transports += change;
    this.mediaWorker.transports += change;
    this.#transportsChanged();
  }

  /** Hands every message of `dataProducer` to `onMessage` until the producer closes. */
  async tap(dataProducer: types.DataProducer, onMessage: (message: Buffer) => void): Promise<void> {
    const transport = await this.#directTransport();
    if (dataProducer.closed) return;
    const consumer = await consumeData(transport, dataProducer);
    consumer.on('message', (message) => onMessage(message));
  }

  /** A channel of the server's own; viewers consume it like the publisher's. */
  async openChannel(label: string): Promise<types.DataProducer> {
    return openChannel(await this.#directTransport(), label);
  }

  #directTransport(): Promise<types.DirectTransport> {
    this.#direct ??= this.router.createDirectTransport();
    return this.#direct;
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
