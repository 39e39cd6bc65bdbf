import type { Device, types } from 'mediasoup-client';
import type { DataChannelName, TransportDescription, ViewerMedia } from '#protocol/signalling.ts';
import { pathProven } from './path-proof.ts';
import { readyForProbes } from './probes.ts';

export interface ReceiverEvents {
  /** The page's DTLS parameters; the server's answer is not waited for. */
  connect(transportId: string, dtlsParameters: types.DtlsParameters): void;
  stateChanged(state: types.ConnectionState): void;
  /** These consumers have their page side: the server may send. */
  ready(consumers: readonly types.Consumer[]): void;
  data(channel: DataChannelName, text: string): void;
  tracksChanged(): void;
  /** Nothing is received before this resolves. */
  mayReceive(): Promise<void>;
  /** A receiver, before its first packet. */
  receiverMade(receiver: RTCRtpReceiver, kind: types.MediaKind): void;
}

/** One receiving transport and what was made on it. */
interface Side {
  readonly transport: types.Transport;
  readonly consumers: Map<string, types.Consumer>;
  readonly data: Map<DataChannelName, types.DataConsumer>;
}

/** How long a new track may wait for its first packet before it takes the old one's place. */
const SWAP_DEADLINE_MS = 1_500;

/** The viewer's media: makes what it receives match what the server says it should. */
export class Receiver {
  readonly device: Device;
  /** One stream for the page's life; tracks are swapped inside it. */
  readonly stream: MediaStream;
  readonly #events: ReceiverEvents;
  #side: Side | undefined;
  /** The transport before, kept until the new one brings a picture. */
  #previous: Side | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #swaps = 0;

  constructor(device: Device, stream: MediaStream, events: ReceiverEvents) {
    this.device = device;
    this.stream = stream;
    this.#events = events;
  }

  get transportId(): string | undefined {
    return this.#side && !this.#side.transport.closed ? this.#side.transport.id : undefined;
  }

  get state(): types.ConnectionState {
    return this.#side?.transport.connectionState ?? 'new';
  }

  /** True while there is something to receive. */
  get expectsMedia(): boolean {
    return (this.#side?.consumers.size ?? 0) > 0;
  }

  /** Consumers replaced on the present transport: closed m-lines pile up in its peer connection. */
  get swaps(): number {
    return this.#swaps;
  }

  /**
   * A new transport; the one before goes on until `match` has brought a picture on this one. With a
   * `certificate` the server knows this page's side already.
   */
  open(description: TransportDescription, certificate?: RTCCertificate): void {
    this.#dropPrevious();
    this.#previous = this.#side;
    this.#swaps = 0;
    const transport = this.device.createRecvTransport({
      ...description,
      ...(certificate && { additionalSettings: { certificates: [certificate] } }),
    });
    const side: Side = { transport, consumers: new Map(), data: new Map() };
    this.#side = side;
    transport.observer.on('newconsumer', (consumer: types.Consumer) => {
      readyForProbes(consumer, this.device.recvRtpCapabilities);
    });
    transport.on('connect', ({ dtlsParameters }, done) => {
      if (!certificate) this.#events.connect(transport.id, dtlsParameters);
      done();
    });
    transport.on('connectionstatechange', (state) => {
      if (this.#side === side) this.#events.stateChanged(state);
    });
  }

  /** Makes the consumers those of `media`. Calls run one after another. */
  match(media: ViewerMedia): Promise<void> {
    const run = this.#queue.then(() => this.#match(media));
    this.#queue = run.catch(() => undefined);
    return run;
  }

  async #match(media: ViewerMedia): Promise<void> {
    await this.#events.mayReceive();
    const side = this.#side;
    if (!side || side.transport.closed) return;
    // Together, so that they are set up by one offer and answer.
    const fresh = await Promise.all(
      media.consumers
        .filter(({ id }) => !side.consumers.has(id))
        .map(async ({ id, producerId, kind, rtpParameters }) => {
          const consumer = await side.transport.consume({
            id,
            producerId,
            kind,
            rtpParameters,
            onRtpReceiver: (receiver) => this.#events.receiverMade(receiver, kind),
          });
          side.consumers.set(id, consumer);
          return consumer;
        }),
    );
    // ICE is under way; data channels are set up meanwhile.
    if (fresh.length > 0) this.#events.ready(fresh);
    const swapped = Promise.all(fresh.map((consumer) => this.#swapIn(consumer)));
    for (const { channel, id, dataProducerId, sctpStreamParameters } of media.data) {
      const before = side.data.get(channel);
      if (before?.id === id) continue;
      before?.close();
      const consumer = await side.transport.consumeData({
        id,
        dataProducerId,
        sctpStreamParameters,
      });
      consumer.on('message', (message: unknown) => {
        if (typeof message === 'string') this.#events.data(channel, message);
      });
      side.data.set(channel, consumer);
    }
    await swapped;
    // Nothing broadcast now: what was there stays as the last frame.
    if (media.consumers.length === 0) return;
    const listed = new Set(media.consumers.map(({ id }) => id));
    for (const [id, consumer] of side.consumers) {
      if (listed.has(id)) continue;
      if (fresh.length > 0) this.#swaps += 1;
      side.consumers.delete(id);
      consumer.close();
    }
    this.#dropStaleTracks(side);
    this.#dropPrevious();
  }

  /** Waits for the first packet, so that the picture before stays until there is a new one. */
  async #swapIn(consumer: types.Consumer): Promise<void> {
    const { track } = consumer;
    if (this.stream.getTracks().some(({ kind }) => kind === track.kind) && track.muted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, SWAP_DEADLINE_MS);
        const done = () => {
          clearTimeout(timer);
          resolve();
        };
        track.addEventListener('unmute', done, { once: true });
        track.addEventListener('ended', done, { once: true });
      });
    }
    if (consumer.closed) return;
    for (const old of this.stream.getTracks()) {
      if (old.kind === track.kind && old !== track) this.stream.removeTrack(old);
    }
    this.stream.addTrack(track);
    this.#events.tracksChanged();
  }

  /** Audio that is no longer sent; a video track only ever gives way to the next one. */
  #dropStaleTracks(side: Side): void {
    const live = new Set([...side.consumers.values()].map(({ track }) => track.id));
    for (const track of this.stream.getAudioTracks()) {
      if (live.has(track.id)) continue;
      this.stream.removeTrack(track);
      this.#events.tracksChanged();
    }
  }

  /** Restarts ICE with the server's new parameters; resolves when the path is proven. */
  async restartIce(iceParameters: types.IceParameters, signal: AbortSignal): Promise<void> {
    const transport = this.#side?.transport;
    if (!transport || transport.closed) return;
    await transport.restartIce({ iceParameters });
    // With nothing to receive it was never connected: nothing will arrive.
    if (transport.connectionState === 'new') return;
    await pathProven(() => transport.getStats(), signal);
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    const transport = this.#side?.transport;
    return transport && !transport.closed ? transport.getStats() : undefined;
  }

  /** Closes the transports; the stream keeps its last frame. */
  close(): void {
    this.#dropPrevious();
    this.#side?.transport.close();
    this.#side = undefined;
  }

  #dropPrevious(): void {
    this.#previous?.transport.close();
    this.#previous = undefined;
  }
}
