import { OnecastError } from '#protocol/errors.ts';
import type { JoinTrace } from '#protocol/join-trace.ts';
import type { MatchMethod } from '#protocol/overlay.ts';
import type { AnswerOf, DataChannelName, ViewerMedia } from '#protocol/signalling.ts';
import { BandwidthEstimation, hasLayers } from '../media/adaptation/bandwidth-estimation.ts';
import { startBelowTopLayer } from '../media/adaptation/first-layer.ts';
import { connect, consume, consumeData, type Delivery } from '../media/mediasoup-calls.ts';
import type { RoomRouter } from '../media/routing/room-router.ts';
import { describeTransport } from '../media/routing/transports.ts';
import { forClient, type ParsedDtlsParameters, type Rebuilt } from '../media/rtp-parameters.ts';
import type { types } from '../media/types.ts';
import { runInBackground } from '../observability/log.ts';
import type { Broadcast, RoomViewer, ViewerRoom } from './membership.ts';
import { Session } from './session.ts';

/** A data channel of the publisher or the server, and the router that it is on. */
interface DataSource {
  readonly channel: DataChannelName;
  readonly router: RoomRouter;
  readonly producer: types.DataProducer;
  readonly delivery?: Delivery;
}

/** One viewer. Its consumers follow the room's broadcast. */
export class Viewer implements RoomViewer {
  readonly role = 'viewer';
  readonly room: ViewerRoom;
  readonly session: Session;
  /** As the page reports it. Undefined until the page has drawn a message that names a frame. */
  matchMethod: MatchMethod | undefined;
  readonly #estimation: BandwidthEstimation;
  /** By producer id. */
  readonly #consumers = new Map<string, types.Consumer>();
  readonly #data = new Map<DataChannelName, types.DataConsumer>();
  /** The last matchBroadcast consumed a new server channel. The page missed its earlier messages. */
  #addedServerChannel = false;
  #router: RoomRouter | undefined;
  /** The page has yet to send the DTLS parameters of its side. */
  #needsPageDtls = true;
  #changeQueued = false;
  #joinCounted = false;

  constructor(room: ViewerRoom, rtpCapabilities: Rebuilt<types.RtpCapabilities>) {
    this.room = room;
    this.#estimation = new BandwidthEstimation(
      rtpCapabilities,
      room.estimatesAll,
      room.limits,
      room.log,
      () => this.#pathIsLossy(),
    );
    this.session = new Session(room.limits, room.log.child({ role: this.role }), {
      mediaChanged: (up) => {
        if (up) room.reach.reached();
        room.viewersChanged();
      },
      mediaUnreached: (transport) => room.reach.unreached(transport),
      transportClosed: () => undefined,
      closed: () => room.viewerClosed(this),
    });
  }

  /** @param dtlsParameters of the page's side, if the page sent them ahead of `connectTransport` */
  async openTransport(dtlsParameters?: ParsedDtlsParameters): Promise<types.WebRtcTransport> {
    const router = await this.room.fanOut.forViewer();
    const transport = await router.createTransport();
    this.session.keep(transport);
    this.#router = router;
    // Consumers belong to one transport. Those of the retiring transport live as long as it does.
    this.#consumers.clear();
    this.#data.clear();
    this.session.setTransport(transport);
    this.#estimation.transportCreated(transport);
    this.#needsPageDtls = dtlsParameters === undefined;
    if (dtlsParameters) {
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
      overlay: this.room.overlay.snapshot(),
    };
  }

  /**
   * Consumes everything that the room's broadcast has and the viewer does not consume yet, and
   * describes all consumers. To be called within `session.exclusive`.
   */
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
      for (const channel of this.room.overlay.serverChannels) {
        if (await this.#consumeData(transport, channel)) this.#addedServerChannel = true;
      }
    }
    return this.#describe(broadcast);
  }

  /** Matches the changed broadcast and informs the page. Changes in quick succession are merged. */
  broadcastChanged(): void {
    if (this.#changeQueued || this.session.ended !== undefined) return;
    this.#changeQueued = true;
    const matched = this.session.exclusive(async () => {
      this.#changeQueued = false;
      if (!this.session.openTransport) return;
      const media = await this.matchBroadcast();
      const overlay = this.#addedServerChannel ? this.room.overlay.snapshot() : null;
      this.session.push('broadcastChanged', { room: this.room.view(), media, overlay });
    });
    runInBackground(this.room.log, 'broadcastChanged', matched.catch(ignoreGone));
  }

  async resumeConsumers(ids: readonly string[]): Promise<void> {
    const requested = [...this.#consumers.values()].filter(
      ({ id, closed }) => !closed && ids.includes(id),
    );
    // The page receives on the new transport now, so the retiring one is no longer needed.
    if (requested.length > 0) this.session.dropRetiring();
    const paused = requested.filter((consumer) => consumer.paused);
    await Promise.all(paused.map((consumer) => consumer.resume()));
  }

  /**
   * Turns bandwidth estimation on: the video is consumed again, now with transport-cc. The old
   * consumers continue on the lowest layer until the new ones flow, so that the video does not freeze.
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
    const retired = this.session.exclusive(async () => {
      const transport = this.session.openTransport;
      if (!transport) return;
      this.#estimation.startLow(transport);
      for (const [producerId, consumer] of layered) {
        if (this.#consumers.get(producerId) !== consumer) continue;
        this.#consumers.delete(producerId);
        this.#estimation.retire(consumer);
      }
    });
    const renewed = retired.then(() => this.broadcastChanged());
    runInBackground(this.room.log, 'estimation', renewed.catch(ignoreGone));
  }

  /** Counts how long the join took, as the page reports it; once per session. */
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
    // A consumer is paused until the page has built its side and resumes it. But before DTLS is up
    // nothing flows, and it comes up only once the page has built its side: no need to pause then.
    const paused = this.#needsPageDtls || transport.dtlsState === 'connected';
    const consumer = await consume(transport, producer, { rtpCapabilities, paused });
    this.session.keep(consumer);
    this.#consumers.set(producer.id, consumer);
    // Until now there was nothing to receive, so the page was right not to connect its side.
    this.session.expectDtls(transport);
    startBelowTopLayer(consumer, this.room.limits, this.room.log);
    this.#estimation.consumerCreated(consumer);
    consumer.observer.once('close', () => {
      if (this.#consumers.get(producer.id) === consumer) this.#consumers.delete(producer.id);
    });
  }

  /** Returns whether a consumer was added. */
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

  /** Open consumers only: the broadcast may have ended during an await. */
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
