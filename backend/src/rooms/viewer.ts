import type { types } from '../media/types.ts';
import { startBelowTopLayer } from '../media/adaptation/first-layer.ts';
import { connect, consume, consumeData, type Delivery } from '../media/mediasoup-calls.ts';
import { BandwidthEstimation, hasLayers } from '../media/adaptation/bandwidth-estimation.ts';
import type { RoomRouter } from '../media/routing/room-router.ts';
import { forClient, type ParsedDtlsParameters, type Rebuilt } from '../media/rtp-parameters.ts';
import { describeTransport } from '../media/routing/transports.ts';
import { runInBackground } from '../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { JoinTrace } from '#protocol/join-trace.ts';
import type { MatchMethod } from '#protocol/overlay.ts';
import type { AnswerOf, DataChannelName, ViewerMedia } from '#protocol/signalling.ts';
import type { Broadcast } from './publisher.ts';
import type { Room } from './room.ts';
import { Session } from './session.ts';

/** A data channel of the publisher's or the server's, where it is. */
interface DataSource {
  readonly channel: DataChannelName;
  readonly router: RoomRouter;
  readonly producer: types.DataProducer;
  readonly delivery?: Delivery;
}

/** One viewer: what it receives follows the room's broadcast. */
export class Viewer {
  readonly role = 'viewer';
  readonly room: Room;
  readonly session: Session;
  /** By its page's word; undefined before it has drawn a message that names a frame. */
  matchMethod: MatchMethod | undefined;
  readonly #estimation: BandwidthEstimation;
  /** By producer id. */
  readonly #consumers = new Map<string, types.Consumer>();
  readonly #data = new Map<DataChannelName, types.DataConsumer>();
  /** The last match has begun to take a relay: what went over it before is not known to the page. */
  #addedServerChannel = false;
  #router: RoomRouter | undefined;
  /** The page will tell of its side. */
  #awaitsPage = true;
  #changeQueued = false;
  #joinCounted = false;

  constructor(room: Room, rtpCapabilities: Rebuilt<types.RtpCapabilities>) {
    this.room = room;
    this.#estimation = new BandwidthEstimation(
      rtpCapabilities,
      room.estimatesAll,
      room.limits,
      room.log,
      () => this.#pathIsLossy(),
    );
    this.session = new Session(room.limits, room.log.child({ role: this.role }), {
      mediaChanged: () => room.viewersChanged(),
      transportClosed: () => undefined,
      closed: () => room.viewerClosed(this),
    });
  }

  /** With `dtlsParameters` the page's side need not be told any more. */
  async openTransport(dtlsParameters?: ParsedDtlsParameters): Promise<types.WebRtcTransport> {
    const router = await this.room.fanOut.forViewer();
    const transport = await router.createTransport();
    this.session.keep(transport);
    this.#router = router;
    // Consumers belong to the transport they were made on; the retiring one keeps its own alive.
    this.#consumers.clear();
    this.#data.clear();
    this.session.setTransport(transport);
    this.#estimation.transportCreated(transport);
    this.#awaitsPage = dtlsParameters === undefined;
    if (dtlsParameters) {
      this.session.expectDtls(transport);
      await connect(transport, dtlsParameters);
      this.session.keep(transport);
    }
    return transport;
  }

  async renewTransport(): Promise<AnswerOf<'renewTransport'>> {
    this.session.spendMediaChange();
    const transport = await this.openTransport();
    return {
      transport: describeTransport(transport),
      media: await this.matchBroadcast(),
      room: this.room.view(),
      overlay: this.room.overlay(),
    };
  }

  /** Makes the consumers match the room's broadcast and says what they are. Runs exclusively. */
  async matchBroadcast(): Promise<ViewerMedia> {
    this.#addedServerChannel = false;
    const { broadcast } = this.room;
    const transport = this.session.openTransport;
    if (broadcast && transport) {
      for (const producer of broadcast.producers) {
        await this.#consume(transport, broadcast.router, producer);
      }
      const { router, data } = broadcast;
      if (data) await this.#consumeData(transport, { channel: 'page', router, producer: data });
      for (const relay of this.room.serverChannels) {
        if (await this.#consumeData(transport, relay)) this.#addedServerChannel = true;
      }
    }
    return this.#describe(broadcast);
  }

  /** The room's broadcast changed: match it and tell the page. Changes that come together are one. */
  broadcastChanged(): void {
    if (this.#changeQueued || this.session.ended !== undefined) return;
    this.#changeQueued = true;
    const told = this.session.exclusive(async () => {
      this.#changeQueued = false;
      if (!this.session.openTransport) return;
      const media = await this.matchBroadcast();
      const overlay = this.#addedServerChannel ? this.room.overlay() : null;
      this.session.push('broadcastChanged', { room: this.room.view(), media, overlay });
    });
    runInBackground(this.room.log, 'broadcastChanged', told.catch(ignoreGone));
  }

  async resumeConsumers(ids: readonly string[]): Promise<void> {
    const known = [...this.#consumers.values()].filter(
      ({ id, closed }) => !closed && ids.includes(id),
    );
    // The page has its side of the new transport; the one before is of no use any more.
    if (known.length > 0) this.session.dropRetiring();
    const waiting = known.filter(({ paused }) => paused);
    await Promise.all(waiting.map((consumer) => consumer.resume()));
  }

  /**
   * Its line is estimated from now on: the picture is consumed anew with transport-cc. The consumers
   * before go on with the least that there is until the new ones flow, so that nothing stands still.
   */
  #pathIsLossy(): void {
    if (this.session.ended !== undefined) return;
    const layered = [...this.#consumers].filter(([, consumer]) => hasLayers(consumer));
    if (layered.length === 0) return;
    this.room.log.info({ sessionId: this.session.id }, 'lossy path: bandwidth estimation started');
    for (const [, consumer] of layered) {
      runInBackground(
        this.room.log,
        'lowest layer',
        BandwidthEstimation.preferLowestLayer(consumer),
      );
    }
    const renewed = this.session.exclusive(async () => {
      const transport = this.session.openTransport;
      if (!transport) return;
      this.#estimation.startLow(transport);
      for (const [producerId, consumer] of layered) {
        if (this.#consumers.get(producerId) !== consumer) continue;
        this.#consumers.delete(producerId);
        this.#estimation.retire(consumer);
      }
    });
    const told = renewed.then(() => this.broadcastChanged());
    runInBackground(this.room.log, 'estimation', told.catch(ignoreGone));
  }

  /** How long it took, by its page's word. */
  joined(trace: JoinTrace): void {
    this.session.assertAlive();
    if (this.#joinCounted) return;
    this.#joinCounted = true;
    this.room.metrics.joinTraced(trace);
  }

  async requestKeyFrame(): Promise<void> {
    for (const consumer of this.#consumers.values()) {
      if (consumer.kind === 'video' && !consumer.closed) await consumer.requestKeyFrame();
    }
  }

  async renewConsumers(): Promise<ViewerMedia> {
    this.session.spendMediaChange();
    this.session.transport();
    for (const consumer of this.#consumers.values()) consumer.close();
    this.#consumers.clear();
    return this.matchBroadcast();
  }

  async #consume(
    transport: types.WebRtcTransport,
    from: RoomRouter,
    producer: types.Producer,
  ): Promise<void> {
    const router = this.#router;
    if (!router || producer.closed || this.#consumers.has(producer.id)) return;
    if (!(await from.pipeTo(router, producer))) return;
    const rtpCapabilities = this.#estimation.capabilities;
    // Nothing flows before DTLS is up, which takes the page's side: then they need not wait to be told.
    const paused = this.#awaitsPage || transport.dtlsState === 'connected';
    const consumer = await consume(transport, producer, { rtpCapabilities, paused });
    this.session.keep(consumer);
    this.#consumers.set(producer.id, consumer);
    // Until now there was nothing to receive, and the page rightly left its side unconnected.
    this.session.expectDtls(transport);
    startBelowTopLayer(consumer, this.room.limits, this.room.log);
    this.#estimation.consumerCreated(consumer);
    consumer.observer.once('close', () => {
      if (this.#consumers.get(producer.id) === consumer) this.#consumers.delete(producer.id);
    });
  }

  /** True where it was not consumed before. */
  async #consumeData(
    transport: types.WebRtcTransport,
    { channel, router: from, producer, delivery }: DataSource,
  ): Promise<boolean> {
    const router = this.#router;
    const before = this.#data.get(channel);
    if (!router || producer.closed) return false;
    if (before && !before.closed && before.dataProducerId === producer.id) return false;
    if (!(await from.pipeTo(router, producer))) return false;
    const consumer = await consumeData(transport, producer, delivery);
    this.session.keep(consumer);
    before?.close();
    this.#data.set(channel, consumer);
    return true;
  }

  /** Only what still lives: an await may have outlasted the broadcast that it was made for. */
  #describe(broadcast: Broadcast | undefined): ViewerMedia {
    const consumers = (broadcast?.producers ?? []).flatMap((producer) => {
      const consumer = this.#consumers.get(producer.id);
      if (!consumer || consumer.closed) return [];
      const { id, producerId, kind, rtpParameters } = consumer;
      return [{ id, producerId, kind, rtpParameters: forClient(rtpParameters) }];
    });
    const data = [...this.#data].flatMap(([channel, consumer]) => {
      const { id, closed, dataProducerId, sctpStreamParameters } = consumer;
      const stale = channel === 'page' && dataProducerId !== broadcast?.data?.id;
      if (closed || stale || !sctpStreamParameters) return [];
      return [{ channel, id, dataProducerId, sctpStreamParameters }];
    });
    return { epoch: broadcast?.epoch ?? this.room.epoch, consumers, data };
  }
}

function ignoreGone(error: unknown): void {
  if (error instanceof OnecastError && error.code === 'session-gone') return;
  throw error;
}
