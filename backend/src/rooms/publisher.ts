import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import { OVERLAY_MAX_PER_S } from '#protocol/overlay.ts';
import type { AnswerOf, RequestOf } from '#protocol/signalling.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import { limitIncoming, produce, produceData } from '../media/mediasoup-calls.ts';
import type { RoomRouter } from '../media/routing/room-router.ts';
import { describeTransport } from '../media/routing/transports.ts';
import type { types } from '../media/types.ts';
import { BitrateGuard } from '../media/watch/bitrate-guard.ts';
import { watchKeyFrames } from '../media/watch/key-frame-interval.ts';
import { watchPacketSize } from '../media/watch/packet-size.ts';
import { PublisherLiveness } from '../media/watch/publisher-liveness.ts';
import type { Broadcast, PublisherRoom, RoomPublisher } from './membership.ts';
import { Session, type Violation } from './session.ts';
import type { Sources } from './sources.ts';

/** Until the page states anything else, a producer sends. */
const ALL_ON: Sources = { video: 'on', audio: 'on' };

/** What publishes: our page, or an encoder (WHIP), which may send more and obeys no hint. */
export type PublisherSource = 'page' | 'encoder';

/** One claim on a room: the publisher that made it and what that publisher sends. */
export class Publisher implements RoomPublisher {
  readonly role = 'publisher';
  readonly room: PublisherRoom;
  readonly epoch: number;
  readonly session: Session;
  readonly #limits: Limits;
  readonly #source: PublisherSource;
  /** The most that it may send as video and audio. */
  readonly #bitrateMaxBps: number;
  #keyFrameIntervalMs: number | undefined;
  readonly #producers = new Map<types.MediaKind, types.Producer>();
  #data: types.DataProducer | undefined;
  readonly #overlayRate: TokenBucket;
  #liveness: PublisherLiveness | undefined;
  #router: RoomRouter | undefined;
  /** The page has made its producers on the present transport, as far as it has tracks for them. */
  #begun = false;
  /** What the page states about its sources. */
  #stated: Sources = ALL_ON;

  constructor(room: PublisherRoom, epoch: number, source: PublisherSource) {
    this.room = room;
    this.epoch = epoch;
    this.#limits = room.limits;
    this.#source = source;
    const { publisherBitrateMaxBps, encoderBitrateMaxBps } = room.limits;
    this.#bitrateMaxBps = source === 'page' ? publisherBitrateMaxBps : encoderBitrateMaxBps;
    const rate = { burst: room.limits.overlayBurst, perS: OVERLAY_MAX_PER_S };
    this.#overlayRate = new TokenBucket(rate, performance.now());
    this.session = new Session(room.limits, room.log.child({ role: this.role, epoch }), {
      mediaChanged: (up) => {
        if (up) room.reach.reached();
        else room.publisherLost(this);
      },
      mediaUnreached: (transport) => room.reach.unreached(transport),
      transportClosed: () => {
        if (!this.session.openTransport) room.publisherLost(this);
      },
      closed: (reason) => room.publisherClosed(this, reason),
    });
  }

  get broadcast(): Broadcast | undefined {
    if (!this.#begun || !this.#router || !this.session.openTransport) return undefined;
    return {
      epoch: this.epoch,
      router: this.#router,
      producers: [...this.#producers.values()],
      data: this.#data,
    };
  }

  /** In ms; undefined while it is not known, and for pages, which send key frames on request. */
  get keyFrameIntervalMs(): number | undefined {
    return this.#keyFrameIntervalMs;
  }

  get sources(): Sources {
    // While a transport is being replaced nothing is sent, and the next one will bring the same.
    const isKnown = this.broadcast !== undefined;
    const of = (kind: types.MediaKind) =>
      isKnown && !this.#producers.has(kind) ? 'off' : this.#stated[kind];
    return { video: of('video'), audio: of('audio') };
  }

  get router(): RoomRouter | undefined {
    return this.#router;
  }

  async openTransport(): Promise<types.WebRtcTransport> {
    const router = await this.room.fanOut.home();
    const transport = await router.createTransport();
    this.session.keep(transport);
    this.#router = router;
    this.#begun = false;
    this.session.setTransport(transport);
    // The page produces everything again on the new transport, so the old producers can go.
    this.session.dropRetiring();
    // The page produces at once, so DTLS must come up.
    this.session.expectDtls(transport);
    const guard = new BitrateGuard(this.#bitrateMaxBps, this.#limits);
    this.#liveness = new PublisherLiveness(transport, this.#limits, {
      sends: () => this.sources.video === 'on' || this.sources.audio === 'on',
      aliveChanged: (alive) => {
        if (alive) this.room.publisherReady(this);
        else this.room.publisherLost(this);
      },
      statsReceived: (stats) => {
        if (guard.exceeds(stats, performance.now())) this.#closeForViolation('bitrate-exceeded');
      },
    });
    await limitIncoming(transport, this.#bitrateMaxBps);
    this.session.keep(transport);
    return transport;
  }

  async renewTransport(): Promise<AnswerOf<'renewTransport'>> {
    this.session.spendMediaChange();
    const transport = await this.openTransport();
    return {
      transport: describeTransport(transport),
      media: null,
      room: this.room.view(),
      overlay: null,
    };
  }

  async addProducer(
    request: Omit<RequestOf<'produce'>, 'requestId'>,
  ): Promise<AnswerOf<'produce'>> {
    const transport = this.session.transport(request.transportId);
    this.session.spendMediaChange();
    const { kind } = request;
    const producer = await produce(transport, request, this.#limits);
    this.session.keep(producer);
    this.#producers.get(kind)?.close();
    this.#producers.set(kind, producer);
    watchPacketSize(producer, this.#limits, () => this.#closeForViolation('bitrate-exceeded'));
    producer.observer.once('close', () => {
      if (this.#producers.get(kind) === producer) this.#producers.delete(kind);
    });
    if (kind === 'video') this.#begin();
    if (kind === 'video' && this.#source === 'encoder') await this.#watchKeyFrames(producer);
    this.room.broadcastChanged(this);
    return { producerId: producer.id };
  }

  /** Encoders such as OBS send key frames at intervals of their own, and pages must wait for them. */
  async #watchKeyFrames(producer: types.Producer): Promise<void> {
    await watchKeyFrames(producer, (intervalMs) => {
      this.#keyFrameIntervalMs = intervalMs;
      this.room.sourcesChanged(this);
    });
    this.session.keep(producer);
  }

  /** @throws OnecastError `transport-gone` if the session has no transport */
  setSources({ video, audio }: Sources): void {
    this.session.transport();
    this.#stated = { video, audio };
    if (!this.#begun) {
      this.#begin();
      this.room.broadcastChanged(this);
    }
    this.room.sourcesChanged(this);
  }

  #begin(): void {
    this.#begun = true;
    this.room.publisherReady(this);
  }

  async addDataProducer(request: RequestOf<'produceData'>): Promise<AnswerOf<'produceData'>> {
    const transport = this.session.transport(request.transportId);
    this.session.spendMediaChange();
    const producer = await produceData(transport, request.sctpStreamParameters);
    this.session.keep(producer);
    this.#data?.close();
    this.#data = producer;
    producer.observer.once('close', () => {
      if (this.#data === producer) this.#data = undefined;
    });
    await this.receiveOverlay(producer);
    this.room.broadcastChanged(this);
    return { producerId: producer.id };
  }

  closeProducer(producerId: string): void {
    this.session.spendMediaChange();
    for (const producer of this.#producers.values()) {
      if (producer.id === producerId) producer.close();
    }
    this.room.broadcastChanged(this);
  }

  get producerIds(): string[] {
    const producers = [...this.#producers.values(), ...(this.#data ? [this.#data] : [])];
    return producers.map(({ id }) => id);
  }

  /** @throws OnecastError `stale-epoch` if `epoch` is not this publisher's */
  endBroadcast(epoch: number): void {
    if (epoch !== this.epoch) throw new OnecastError('stale-epoch');
    this.session.close('ended');
  }

  /** Passes the messages of `producer` to the room until the producer closes. */
  async receiveOverlay(producer: types.DataProducer): Promise<void> {
    await this.#router?.tap(producer, (message) => {
      if (this.#acceptsOverlay()) this.room.overlayReceived(this, message);
    });
  }

  /** Called before a message is parsed. Closes the session if there were too many messages. */
  #acceptsOverlay(): boolean {
    if (this.session.ended !== undefined) return false;
    if (this.#overlayRate.tryConsume(performance.now())) return true;
    this.#closeForViolation('overlay-flood');
    return false;
  }

  /** Ends the broadcast and sends the page the reason. */
  #closeForViolation(code: Violation): void {
    if (this.session.ended !== undefined) return;
    this.room.metrics.refused(code);
    this.session.push('sessionClosed', { code });
    this.session.close(code);
  }

  close(): void {
    this.#liveness?.close();
  }
}
