import type { Limits } from '#config/limits.ts';
import type { Delivery } from '../media/mediasoup-calls.ts';
import type { RoomRouter } from '../media/routing/room-router.ts';
import type { types } from '../media/types.ts';
import { type Log, runInBackground } from '../observability/log.ts';

/**
 * `state`: changes of the keyed state, in order. `ingest`: messages of programs, unordered and
 * dropped when they are too old.
 */
export type ServerChannelName = 'state' | 'ingest';

/** One of the server's own data channels to the viewers. */
export interface ServerChannel {
  readonly channel: ServerChannelName;
  /** Viewers on the room's other routers receive the channel through a pipe from this one. */
  readonly router: RoomRouter;
  readonly producer: types.DataProducer;
  readonly delivery: Delivery;
}

export interface ServerChannelsHost {
  /** The room's home router, while there is one. */
  router(): RoomRouter | undefined;
  /** A channel has opened that no viewer consumes yet. Viewers get the whole state along with it. */
  channelOpened(): void;
}

/**
 * Sends the server's own messages to a room's viewers through the media worker, without signalling.
 * A channel is opened with the first message for it: most rooms never need one.
 */
export class ServerChannels {
  readonly #host: ServerChannelsHost;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #open = new Map<
    ServerChannelName,
    { router: RoomRouter; producer: types.DataProducer }
  >();
  readonly #opening = new Set<ServerChannelName>();

  constructor(host: ServerChannelsHost, limits: Limits, log: Log) {
    this.#host = host;
    this.#limits = limits;
    this.#log = log;
  }

  /** The channels that are open now. A channel closes with its router's worker. */
  get channels(): ServerChannel[] {
    return [...this.#open].flatMap(([channel, { router, producer }]) =>
      producer.closed ? [] : [{ channel, router, producer, delivery: this.#deliveryOf(channel) }],
    );
  }

  /**
   * Sends `text` to every viewer that consumes the channel. If the channel is not open, `text` is not
   * sent; the channel is opened instead, and viewers get a snapshot that includes this message.
   */
  send(channel: ServerChannelName, text: string): void {
    const producer = this.#open.get(channel)?.producer;
    if (producer?.closed === false) {
      try {
        producer.send(text);
      } catch (error) {
        // The worker's channel is broken; the watchdog replaces the worker.
        this.#log.warn({ err: error, channel }, 'could not send on a server channel');
      }
      return;
    }
    const router = this.#host.router();
    if (!router || router.closed || this.#opening.has(channel)) return;
    this.#opening.add(channel);
    runInBackground(this.#log, 'opening a server channel', this.#openOn(router, channel));
  }

  async #openOn(router: RoomRouter, channel: ServerChannelName): Promise<void> {
    try {
      const producer = await router.openChannel(channel);
      if (producer.closed) return;
      this.#open.set(channel, { router, producer });
    } catch (error) {
      // The worker is gone. Viewers that connect to the next one get the whole state.
      if (router.closed) return;
      throw error;
    } finally {
      this.#opening.delete(channel);
    }
    this.#host.channelOpened();
  }

  #deliveryOf(channel: ServerChannelName): Delivery {
    switch (channel) {
      case 'state':
        return { ordered: true };
      case 'ingest':
        return { ordered: false, maxPacketLifeTime: this.#limits.ingestLifetimeMs };
      default:
        return channel satisfies never;
    }
  }
}
