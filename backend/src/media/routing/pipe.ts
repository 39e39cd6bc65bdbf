import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';

/**
 * One broadcast's way from one router to another on this machine: a pair of PipeTransports over
 * loopback, made once, through which each producer goes once however many viewers are at the end.
 * mediasoup's own pipeToRouter can't merge key-frame requests on the far side, hence our own.
 */
export class Pipe {
  readonly #near: types.PipeTransport;
  readonly #far: types.PipeTransport;
  readonly #limits: Limits;
  /** By the id of the producer, which is the same at both ends. */
  readonly #carried = new Map<string, Promise<void>>();

  static async open(from: types.Router, to: types.Router, limits: Limits): Promise<Pipe> {
    const [near, far] = await both(end(from, limits), end(to, limits));
    try {
      await Promise.all([connect(near, far), connect(far, near)]);
      return new Pipe(near, far, limits);
    } catch (error) {
      close(near);
      close(far);
      throw error;
    }
  }

  private constructor(near: types.PipeTransport, far: types.PipeTransport, limits: Limits) {
    this.#near = near;
    this.#far = far;
    this.#limits = limits;
    // One end's router or worker is gone: the other end is of no use.
    near.observer.once('close', () => close(far));
    far.observer.once('close', () => close(near));
  }

  get closed(): boolean {
    return this.#near.closed || this.#far.closed;
  }

  /** Resolves once viewers of the far router can consume `source`. @throws where an end has closed */
  carry(source: types.Producer | types.DataProducer): Promise<void> {
    const known = this.#carried.get(source.id);
    if (known) return known;
    const forget = () => this.#carried.delete(source.id);
    const made = 'kind' in source ? this.#carryMedia(source) : this.#carryData(source);
    this.#carried.set(source.id, made);
    made.catch(forget);
    whenClosed(source, forget);
    return made;
  }

  close(): void {
    close(this.#near);
    close(this.#far);
  }

  async #carryMedia({ id }: types.Producer): Promise<void> {
    const consumer = await this.#near.consume({ producerId: id });
    const { kind, rtpParameters, producerPaused: paused } = consumer;
    const { keyFrameRequestDelayMs: keyFrameRequestDelay } = this.#limits;
    const copy = this.#far.produce({ id, kind, rtpParameters, paused, keyFrameRequestDelay });
    follow(consumer, await orElse(copy, consumer));
  }

  async #carryData({ id }: types.DataProducer): Promise<void> {
    const consumer = await this.#near.consumeData({ dataProducerId: id });
    const { sctpStreamParameters, label, protocol } = consumer;
    if (!sctpStreamParameters) throw new Error('a pipe without SCTP');
    const copy = this.#far.produceData({ id, sctpStreamParameters, label, protocol });
    follow(consumer, await orElse(copy, consumer));
  }
}

/** What can't be made at the far end leaves nothing at the near one. */
async function orElse<T>(made: Promise<T>, near: { close(): void }): Promise<T> {
  try {
    return await made;
  } catch (error) {
    near.close();
    throw error;
  }
}

/** The copy ends with what it is a copy of. */
function follow(consumer: Closing, copy: { readonly closed: boolean; close(): void }): void {
  const end = () => {
    try {
      copy.close();
    } catch {
      // Its worker's channel is broken; the watchdog replaces such a worker.
    }
  };
  whenClosed(consumer, end);
}

function whenClosed(source: Closing, listener: () => void): void {
  if (source.closed) listener();
  else source.observer.once('close', listener);
}

interface Closing {
  readonly closed: boolean;
  readonly observer: { once(event: 'close', listener: () => void): unknown };
}

function end(router: types.Router, limits: Limits): Promise<types.PipeTransport> {
  return router.createPipeTransport({
    listenInfo: {
      protocol: 'udp',
      ip: '127.0.0.1',
      // Apart from the ports of the WebRtcServers, which a worker that is replaced must find free.
      portRange: { min: limits.pipePortMin, max: limits.pipePortMax },
      recvBufferSize: limits.socketBufferBytes,
      sendBufferSize: limits.socketBufferBytes,
    },
    enableSctp: true,
    sctpSendBufferSize: limits.sctpSendBufferBytes,
    sctpPerStreamSendQueueLimit: limits.sctpSendBufferBytes,
  });
}

function connect(here: types.PipeTransport, there: types.PipeTransport): Promise<void> {
  const { localAddress, localPort } = there.tuple;
  return here.connect({ ip: localAddress, port: localPort });
}

/** Both, or neither: what was made beside a failure is closed. */
async function both<T extends { close(): void }>(a: Promise<T>, b: Promise<T>): Promise<[T, T]> {
  try {
    return await Promise.all([a, b]);
  } catch (error) {
    for (const made of await Promise.allSettled([a, b])) {
      if (made.status === 'fulfilled') made.value.close();
    }
    throw error;
  }
}

function close(transport: types.PipeTransport): void {
  try {
    transport.close();
  } catch {
    // As for the copies.
  }
}
