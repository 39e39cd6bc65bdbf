import type { types } from '../media/types.ts';
import type { Limits } from '#config/limits.ts';
import type { Delivery } from '../media/mediasoup-calls.ts';
import type { RoomRouter } from '../media/routing/room-router.ts';
import { type Log, runInBackground } from '../observability/log.ts';

/** `state`: changes of the keyed state, in order. `outside`: messages of programs, fresh or never. */
export type ServerChannelName = 'state' | 'ingest';

/** One of the server's own channels to the viewers, and how a viewer takes it. */
export interface ServerChannel {
  readonly channel: ServerChannelName;
  /** Where it is; viewers on other routers of the room get it by a pipe. */
  readonly router: RoomRouter;
  readonly producer: types.DataProducer;
  readonly delivery: Delivery;
}

export interface ServerChannelsHost {
  /** The room's home, while it has one. */
  router(): RoomRouter | undefined;
  /** A channel is there that viewers do not take yet. They are handed the whole state with it. */
  opened(): void;
}

/**
 * What the server itself says to a room's viewers, past signalling and through the worker. A channel
 * is made when there is first something to say on it: most rooms never need one.
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

  /** The channels there are now; they end with the router's worker. */
  get channels(): ServerChannel[] {
    return [...this.#open].flatMap(([channel, { router, producer }]) =>
      producer.closed ? [] : [{ channel, router, producer, delivery: this.#deliveryOf(channel) }],
    );
  }

  /**
   * To everybody who takes the channel. Where it is not open it is opened instead: those who then
   * come to take it get the state that this message has led to.
   */
  send(channel: ServerChannelName, text: string): void {
    const producer = this.#open.get(channel)?.producer;
    if (producer?.closed === false) {
      try {
        producer.send(text);
      } catch (error) {
        // A worker whose channel is broken; the watchdog replaces it.
        this.#log.warn({ err: error, channel }, 'relay could not send');
      }
      return;
    }
    const router = this.#host.router();
    if (!router || router.closed || this.#opening.has(channel)) return;
    this.#opening.add(channel);
    runInBackground(this.#log, 'opening a relay', this.#openOn(router, channel));
  }

  async #openOn(router: RoomRouter, channel: ServerChannelName): Promise<void> {
    try {
      const producer = await router.openChannel(channel);
      if (producer.closed) return;
      this.#open.set(channel, { router, producer });
    } catch (error) {
      // Its worker is gone: whoever builds anew on the next one gets the whole state.
      if (router.closed) return;
      throw error;
    } finally {
      this.#opening.delete(channel);
    }
    this.#host.opened();
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
