import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { closeQuietly } from './transports.ts';

/**
 * Forwards one broadcast from one router to another on this machine, through a pair of
 * PipeTransports over loopback. Each producer is sent once, however many viewers the far router has.
 * mediasoup's own pipeToRouter can't merge key-frame requests on the far side, so it is not used.
 */
export class Pipe {
  readonly #near: types.PipeTransport;
  readonly #far: types.PipeTransport;
  readonly #limits: Limits;
  /** By producer id, which is the same at both ends. */
  readonly #forwarded = new Map<string, Promise<void>>();

  static async open(from: types.Router, to: types.Router, limits: Limits): Promise<Pipe> {
    const [near, far] = await allOrNone(
      createPipeTransport(from, limits),
      createPipeTransport(to, limits),
    );
    try {
      await Promise.all([connect(near, far), connect(far, near)]);
      return new Pipe(near, far, limits);
    } catch (error) {
      closeQuietly(near);
      closeQuietly(far);
      throw error;
    }
  }

  private constructor(near: types.PipeTransport, far: types.PipeTransport, limits: Limits) {
    this.#near = near;
    this.#far = far;
    this.#limits = limits;
    // If the router or worker of one end is gone, the other end is useless.
    near.observer.once('close', () => closeQuietly(far));
    far.observer.once('close', () => closeQuietly(near));
  }

  get closed(): boolean {
    return this.#near.closed || this.#far.closed;
  }

  /** Resolves once viewers of the far router can consume `source`. @throws if an end has closed */
  forward(source: types.Producer | types.DataProducer): Promise<void> {
    const existing = this.#forwarded.get(source.id);
    if (existing) return existing;
    const forget = () => this.#forwarded.delete(source.id);
    const forwarding = 'kind' in source ? this.#forwardMedia(source) : this.#forwardData(source);
    this.#forwarded.set(source.id, forwarding);
    forwarding.catch(forget);
    whenClosed(source, forget);
    return forwarding;
  }

  close(): void {
    closeQuietly(this.#near);
    closeQuietly(this.#far);
  }

  async #forwardMedia({ id }: types.Producer): Promise<void> {
    const consumer = await this.#near.consume({ producerId: id });
    const { kind, rtpParameters, producerPaused: paused } = consumer;
    const { keyFrameRequestDelayMs: keyFrameRequestDelay } = this.#limits;
    const copy = this.#far.produce({ id, kind, rtpParameters, paused, keyFrameRequestDelay });
    closeTogether(consumer, await closeOnFailure(consumer, copy));
  }

  async #forwardData({ id }: types.DataProducer): Promise<void> {
    const consumer = await this.#near.consumeData({ dataProducerId: id });
    const { sctpStreamParameters, label, protocol } = consumer;
    if (!sctpStreamParameters) throw new Error('a pipe without SCTP');
    const copy = this.#far.produceData({ id, sctpStreamParameters, label, protocol });
    closeTogether(consumer, await closeOnFailure(consumer, copy));
  }
}

/** If the copy can't be created at the far end, the near end's consumer is closed. */
async function closeOnFailure<T>(near: { close(): void }, copy: Promise<T>): Promise<T> {
  try {
    return await copy;
  } catch (error) {
    closeQuietly(near);
    throw error;
  }
}

/** The copy ends when the consumer that feeds it ends. */
function closeTogether(consumer: Closing, copy: { close(): void }): void {
  whenClosed(consumer, () => closeQuietly(copy));
}

function whenClosed(source: Closing, listener: () => void): void {
  if (source.closed) listener();
  else source.observer.once('close', listener);
}

interface Closing {
  readonly closed: boolean;
  readonly observer: { once(event: 'close', listener: () => void): unknown };
}

function createPipeTransport(router: types.Router, limits: Limits): Promise<types.PipeTransport> {
  return router.createPipeTransport({
    listenInfo: {
      protocol: 'udp',
      ip: '127.0.0.1',
      // Separate from the ports of the WebRtcServers, which must be free when a worker is replaced.
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

/** Both transports, or neither: if one fails, the other is closed. */
async function allOrNone<T extends { close(): void }>(
  a: Promise<T>,
  b: Promise<T>,
): Promise<[T, T]> {
  try {
    return await Promise.all([a, b]);
  } catch (error) {
    for (const result of await Promise.allSettled([a, b])) {
      if (result.status === 'fulfilled') closeQuietly(result.value);
    }
    throw error;
  }
}
