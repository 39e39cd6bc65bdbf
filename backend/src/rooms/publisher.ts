import type { types } from '../media/types.ts';
import type { Limits } from '#config/limits.ts';
import { BitrateGuard } from '../media/watch/bitrate-guard.ts';
import { limitIncoming, produce, produceData } from '../media/mediasoup-calls.ts';
import { PublisherLiveness } from '../media/watch/publisher-liveness.ts';
import type { RoomRouter } from '../media/routing/room-router.ts';
import { describeTransport } from '../media/routing/transports.ts';
import { OVERLAY_MAX_PER_S } from '#protocol/overlay.ts';
import type { AnswerOf, RequestOf } from '#protocol/signalling.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import type { Room } from './room.ts';
import { Session, type Violation } from './session.ts';

/** What one publisher sends now. */
export interface Broadcast {
  readonly epoch: number;
  /** Where all of it arrives. */
  readonly router: RoomRouter;
  readonly producers: readonly types.Producer[];
  readonly data: types.DataProducer | undefined;
}

/** One claim on a room: the publisher that holds it and what it sends. */
export class Publisher {
  readonly role = 'publisher';
  readonly room: Room;
  readonly epoch: number;
  readonly session: Session;
  readonly #limits: Limits;
  readonly #producers = new Map<types.MediaKind, types.Producer>();
  #data: types.DataProducer | undefined;
  readonly #overlayRate: TokenBucket;
  #liveness: PublisherLiveness | undefined;
  #router: RoomRouter | undefined;

  constructor(room: Room, epoch: number) {
    this.room = room;
    this.epoch = epoch;
    this.#limits = room.limits;
    const rate = { burst: room.limits.overlayBurst, perS: OVERLAY_MAX_PER_S };
    this.#overlayRate = new TokenBucket(rate, performance.now());
    this.session = new Session(room.limits, room.log.child({ role: this.role, epoch }), {
      mediaChanged: (up) => {
        if (!up) room.publisherLost(this);
      },
      transportClosed: () => {
        if (!this.session.openTransport) room.publisherLost(this);
      },
      closed: (reason) => room.publisherClosed(this, reason),
    });
  }

  /** What it sends, or undefined while the picture is missing. */
  get broadcast(): Broadcast | undefined {
    if (!this.#producers.has('video') || !this.#router) return undefined;
    return {
      epoch: this.epoch,
      router: this.#router,
      producers: [...this.#producers.values()],
      data: this.#data,
    };
  }

  /** Where its transport is, or was. */
  get router(): RoomRouter | undefined {
    return this.#router;
  }

  async openTransport(): Promise<types.WebRtcTransport> {
    const router = await this.room.fanOut.home();
    const transport = await router.createTransport();
    this.session.keep(transport);
    this.#router = router;
    this.session.setTransport(transport);
    // Producers of a transport before are of no use beside those of the new one.
    this.session.dropRetiring();
    // Its page produces at once.
    this.session.expectDtls(transport);
    const guard = new BitrateGuard(this.#limits);
    this.#liveness = new PublisherLiveness(transport, this.#limits, {
      aliveChanged: (alive) => {
        if (alive) this.room.publisherReady(this);
        else this.room.publisherLost(this);
      },
      statsReceived: (stats) => {
        if (guard.exceeds(stats, performance.now())) this.#violates('bitrate-exceeded');
      },
    });
    await limitIncoming(transport, this.#limits.publisherBitrateMaxBps);
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

  async addProducer(request: RequestOf<'produce'>): Promise<AnswerOf<'produce'>> {
    const transport = this.session.transport(request.transportId);
    this.session.spendMediaChange();
    const { kind } = request;
    const producer = await produce(transport, request, this.#limits);
    this.session.keep(producer);
    this.#producers.get(kind)?.close();
    this.#producers.set(kind, producer);
    producer.observer.once('close', () => {
      if (this.#producers.get(kind) === producer) this.#producers.delete(kind);
    });
    if (kind === 'video') this.room.publisherReady(this);
    this.room.broadcastChanged(this);
    return { producerId: producer.id };
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
    await this.room.tap(this, producer);
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

  /** Before a message of it is looked at: false where there have been too many, and this is the end. */
  sendsOverlay(): boolean {
    if (this.session.ended !== undefined) return false;
    if (this.#overlayRate.tryConsume(performance.now())) return true;
    this.#violates('overlay-flood');
    return false;
  }

  /** Its page is told why; the broadcast is over. */
  #violates(code: Violation): void {
    if (this.session.ended !== undefined) return;
    this.room.metrics.refused(code);
    this.session.push('sessionClosed', { code });
    this.session.close(code);
  }

  get producerIds(): string[] {
    const producers = [...this.#producers.values(), ...(this.#data ? [this.#data] : [])];
    return producers.map(({ id }) => id);
  }

  close(): void {
    this.#liveness?.close();
  }
}
