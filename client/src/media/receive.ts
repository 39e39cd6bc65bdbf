import type { Device, types } from 'mediasoup-client';
import type { DataChannelName, TransportDescription, ViewerMedia } from '#protocol/signalling.ts';
import type { MediaAddress } from '../connection/diagnosis.ts';
import type { WatchedTransport } from '../connection/diagnosis-watch.ts';
import { mediaAddresses } from './media-addresses.ts';
import { waitUntilPathWorks } from './path-proof.ts';
import { declareTransportCc } from './device.ts';

export interface ReceiverEvents {
  /** The page's DTLS parameters must reach the server. The receiver does not wait for an answer. */
  connect(transportId: string, dtlsParameters: types.DtlsParameters): void;
  stateChanged(state: types.ConnectionState): void;
  /** The page's side of these consumers is set up: the server may start to send. */
  consumersReady(consumers: readonly types.Consumer[]): void;
  /** A text message arrived; binary messages are dropped. */
  data(channel: DataChannelName, text: string): void;
  /** A track was added to or removed from the stream. */
  tracksChanged(): void;
  /** No consumer is created before this promise resolves. */
  mayReceive(): Promise<void>;
  /** Called before the receiver gets its first packet. */
  receiverCreated(receiver: RTCRtpReceiver, kind: types.MediaKind): void;
}

/** A receiving transport and what was created on it. */
interface ActiveTransport {
  readonly transport: types.Transport;
  /** Where the server asks this page to send media. */
  readonly servers: readonly MediaAddress[];
  /** The browser opens no data channel. */
  dataRefused: boolean;
  readonly consumers: Map<string, types.Consumer>;
  readonly data: Map<DataChannelName, types.DataConsumer>;
}

/** How long the old track is kept while the new one waits for its first packet. */
const FIRST_PACKET_DEADLINE_MS = 1_500;

/** The viewer's media: makes what the page receives match the server's list (`ViewerMedia`). */
export class Receiver {
  readonly device: Device;
  /** The same stream for the whole life of the page; its tracks are replaced. */
  readonly stream: MediaStream;
  readonly #events: ReceiverEvents;
  #active: ActiveTransport | undefined;
  /** The transport before this one, kept until video arrives on the new one. */
  #previous: ActiveTransport | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #replacedConsumers = 0;

  constructor(device: Device, stream: MediaStream, events: ReceiverEvents) {
    this.device = device;
    this.stream = stream;
    this.#events = events;
  }

  get transportId(): string | undefined {
    return this.#active && !this.#active.transport.closed ? this.#active.transport.id : undefined;
  }

  get state(): types.ConnectionState {
    return this.#active?.transport.connectionState ?? 'new';
  }

  /** True while there are consumers. */
  get expectsMedia(): boolean {
    return (this.#active?.consumers.size ?? 0) > 0;
  }

  /** The transport, as the diagnosis of a connection needs it; undefined while there is none. */
  get watched(): WatchedTransport | undefined {
    const active = this.#active;
    if (!active || active.transport.closed) return undefined;
    const isOpen = [...active.data.values()].every(({ readyState }) => readyState === 'open');
    const data = active.dataRefused ? 'refused' : isOpen ? 'open' : 'opening';
    const { servers, transport } = active;
    return { id: transport.id, servers, data, expectsMedia: this.expectsMedia };
  }

  /**
   * How often consumers were replaced on the present transport. Each time the peer connection's SDP
   * grows by closed m-lines, so the caller should open a new transport at some number.
   */
  get replacedConsumers(): number {
    return this.#replacedConsumers;
  }

  /**
   * Creates a new transport. The one before keeps playing until `reconcile` has brought video on the
   * new one. With a `certificate` (whose fingerprint the page sent with `join`) the server already knows this
   * page's DTLS parameters, so no `connect` event follows.
   */
  open(description: TransportDescription, certificate?: RTCCertificate): void {
    this.#dropPrevious();
    this.#previous = this.#active;
    this.#replacedConsumers = 0;
    const transport = this.device.createRecvTransport({
      ...description,
      ...(certificate && { additionalSettings: { certificates: [certificate] } }),
    });
    const created: ActiveTransport = {
      transport,
      servers: mediaAddresses(description),
      dataRefused: false,
      consumers: new Map(),
      data: new Map(),
    };
    this.#active = created;
    transport.observer.on('newconsumer', (consumer: types.Consumer) => {
      declareTransportCc(consumer, this.device.recvRtpCapabilities);
    });
    transport.on('connect', ({ dtlsParameters }, done) => {
      if (!certificate) this.#events.connect(transport.id, dtlsParameters);
      done();
    });
    transport.on('connectionstatechange', (state) => {
      if (this.#active === created) this.#events.stateChanged(state);
    });
  }

  /** Creates and closes consumers until they are those of `media`. Calls run one after another. */
  reconcile(media: ViewerMedia): Promise<void> {
    const run = this.#queue.then(() => this.#reconcile(media));
    this.#queue = run.catch(() => undefined);
    return run;
  }

  async #reconcile(media: ViewerMedia): Promise<void> {
    await this.#events.mayReceive();
    const active = this.#active;
    if (!active || active.transport.closed) return;
    // All at once, so that one offer and answer sets them up.
    const fresh = await Promise.all(
      media.consumers
        .filter(({ id }) => !active.consumers.has(id))
        .map(async ({ id, producerId, kind, rtpParameters }) => {
          const consumer = await active.transport.consume({
            id,
            producerId,
            kind,
            rtpParameters,
            onRtpReceiver: (receiver) => this.#events.receiverCreated(receiver, kind),
          });
          active.consumers.set(id, consumer);
          return consumer;
        }),
    );
    // Data channels are set up while ICE is still running.
    if (fresh.length > 0) this.#events.consumersReady(fresh);
    const replaced = Promise.all(fresh.map((consumer) => this.#replaceTrack(consumer)));
    for (const { channel, id, dataProducerId, sctpStreamParameters } of media.data) {
      const before = active.data.get(channel);
      if (before?.id === id) continue;
      before?.close();
      const consumer = await active.transport
        .consumeData({ id, dataProducerId, sctpStreamParameters })
        .catch((error: unknown) => {
          // The video does not need it. diagnosis-watch.ts says that the overlay is missing.
          if (active.transport.closed) throw error;
          console.warn('onecast: no data channel:', error);
          active.dataRefused = true;
        });
      if (!consumer) continue;
      consumer.on('message', (message: unknown) => {
        if (typeof message === 'string') this.#events.data(channel, message);
      });
      active.data.set(channel, consumer);
    }
    await replaced;
    // Nothing is broadcast now: the last frame stays.
    if (media.consumers.length === 0) return;
    const listed = new Set(media.consumers.map(({ id }) => id));
    for (const [id, consumer] of active.consumers) {
      if (listed.has(id)) continue;
      if (fresh.length > 0) this.#replacedConsumers += 1;
      active.consumers.delete(id);
      consumer.close();
    }
    this.#dropStaleTracks(active);
    this.#dropPrevious();
  }

  /** Puts the new track in the stream after its first packet, so the old video stays until then. */
  async #replaceTrack(consumer: types.Consumer): Promise<void> {
    const { track } = consumer;
    if (this.stream.getTracks().some(({ kind }) => kind === track.kind) && track.muted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, FIRST_PACKET_DEADLINE_MS);
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

  /** Removes audio that is no longer sent. A video track stays until the next one replaces it. */
  #dropStaleTracks(active: ActiveTransport): void {
    const live = new Set([...active.consumers.values()].map(({ track }) => track.id));
    for (const track of this.stream.getAudioTracks()) {
      if (live.has(track.id)) continue;
      this.stream.removeTrack(track);
      this.#events.tracksChanged();
    }
  }

  /** Restarts ICE with the server's new parameters; resolves when data arrives on the path. */
  async restartIce(iceParameters: types.IceParameters, signal: AbortSignal): Promise<void> {
    const transport = this.#active?.transport;
    if (!transport || transport.closed) return;
    await transport.restartIce({ iceParameters });
    // Without consumers the transport was never connected, and nothing will arrive.
    if (transport.connectionState === 'new') return;
    await waitUntilPathWorks(() => transport.getStats(), signal);
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    const transport = this.#active?.transport;
    return transport && !transport.closed ? transport.getStats() : undefined;
  }

  /** Closes both transports. The stream keeps its last frame. */
  close(): void {
    this.#dropPrevious();
    this.#active?.transport.close();
    this.#active = undefined;
  }

  #dropPrevious(): void {
    this.#previous?.transport.close();
    this.#previous = undefined;
  }
}

export type FirstMediaStep = 'ice' | 'packet';

/** Calls `reached` when ICE finds a path and when the first packet arrives, where the browser shows it. */
export function watchFirstMedia(
  { rtpReceiver, track }: Pick<types.Consumer, 'rtpReceiver' | 'track'>,
  reached: (step: FirstMediaStep) => void,
): void {
  if (!track.muted) reached('packet');
  else track.addEventListener('unmute', () => reached('packet'), { once: true });
  // The types promise an ICE transport, but some browsers have none.
  const ice: RTCIceTransport | undefined = rtpReceiver?.transport?.iceTransport;
  if (!ice) return;
  const check = () => {
    if (ice.state === 'connected' || ice.state === 'completed') reached('ice');
  };
  check();
  ice.addEventListener('statechange', check);
}
