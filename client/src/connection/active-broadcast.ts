import { computed, effect, type ReadonlySignal, signal } from '@preact/signals-core';
import type { SessionId } from '#protocol/ids.ts';
import type { RoomView, TransportDescription } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { loadDevice } from '../media/device.ts';
import { Sender } from '../media/send.ts';
import type { OverlaySender } from '../overlay/overlay-sender.ts';
import { Link } from './link.ts';
import type { Faults } from './page-console.ts';
import type { SessionAnswer, SessionOpened } from './states.ts';
import type { ConnectionTrace } from './trace.ts';
import type { Failure, PublisherMedia, PublisherOptions, PublisherStatus } from './types.ts';

/** A publisher that reaches no server for this time gives up; a viewer never does. */
const PATIENCE_MS = 600_000;

/** One broadcast of a publisher's page, from start to stop. */
export class ActiveBroadcast {
  readonly status: ReadonlySignal<PublisherStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  readonly #link: Link;
  readonly #options: PublisherOptions;
  readonly #overlay: OverlaySender;
  readonly #closeOverlay: () => void;
  readonly #senderReady: Promise<Sender>;
  readonly #unsupported = signal<Failure | undefined>(undefined);
  readonly #everLive = signal(false);
  readonly #stopSendingState: () => void;
  #media: PublisherMedia;
  #sender: Sender | undefined;
  #epoch = 0;
  /** Everything that should be sent has a producer on the present transport. */
  #produced = false;

  constructor(
    options: PublisherOptions,
    media: PublisherMedia,
    overlay: OverlaySender,
    trace: ConnectionTrace,
  ) {
    this.#options = options;
    this.#overlay = overlay;
    this.#closeOverlay = overlay.openChannel({
      send: (text) => this.#sender?.sendOverlay(text) ?? false,
    });
    this.#media = media;
    this.#senderReady = this.#createSender();
    this.#senderReady.catch(() => {
      this.#unsupported.value = {
        code: 'browser-unsupported',
        message: 'This browser can not send live video. Try a current Chrome, Firefox or Safari.',
      };
      this.close();
    });
    this.#link = new Link({
      patienceMs: PATIENCE_MS,
      trace,
      push: {
        roomChanged: (room) => {
          this.#link.updateRoom(room);
          // The server receives no media although the socket is up: do not wait until ICE notices.
          const silent = room.status === 'interrupted' && room.epoch === this.#epoch;
          if (silent) this.#link.send({ type: 'MEDIA_FAILED' });
        },
        ownershipRenewed: ({ ownershipProof }) => {
          options.ownership.store(undefined, ownershipProof);
        },
      },
      openSession: () => this.#publish(),
      applyAnswer: (answer) => this.#applyAnswer(answer),
      restartIce: async (iceParameters, abort) => this.#sender?.restartIce(iceParameters, abort),
      requestKeyFrame: async () => undefined,
      dropMedia: () => this.#sender?.close(),
      transportId: () => this.#sender?.transportId,
    });
    this.failure = computed(() => this.#unsupported.value ?? this.#link.failure);
    this.status = computed(() => this.#deriveStatus());
    this.#stopSendingState = effect(() => {
      if (this.status.value !== 'live') return undefined;
      this.#everLive.value = true;
      return overlay.goLive((batch) => this.#link.signalling.request('setState', batch));
    });
    this.#link.send({ type: 'START' });
  }

  get room(): ReadonlySignal<RoomView | undefined> {
    return this.#link.room;
  }

  get sessionId(): SessionId | undefined {
    return this.#link.sessionId;
  }

  get faults(): Faults {
    return {
      ...this.#link.faults,
      superseded: () => this.#link.send({ type: 'SUPERSEDED' }),
      'camera-loss': () => {
        const { video } = this.#media;
        video.stop();
        // A track that the page itself stops raises no event.
        video.dispatchEvent(new Event('ended'));
      },
    };
  }

  setVideo(track: MediaStreamTrack): void {
    this.#media = { ...this.#media, video: track };
    this.#sender?.setVideo(track).catch((error: unknown) => this.#link.requestFailed(error));
  }

  setAudio(track: MediaStreamTrack | undefined): void {
    this.#media = { ...this.#media, audio: track };
    this.#sender?.setAudio(track).catch((error: unknown) => this.#link.requestFailed(error));
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    return this.#sender?.getStats();
  }

  /** Ends the broadcast for everybody. */
  async end(): Promise<void> {
    this.#closeOverlay();
    try {
      await this.#link.signalling.request('endBroadcast', { epoch: this.#epoch });
    } catch (error) {
      // The server was not reached: the broadcast ends when the room's grace is over.
      console.warn('onecast:', error);
    }
    this.close();
  }

  /** Idempotent. */
  close(): void {
    this.#stopSendingState();
    this.#closeOverlay();
    this.#link.close();
    this.#sender?.close();
  }

  async #createSender(): Promise<Sender> {
    const { frames, page } = this.#options;
    const device = await loadDevice(page, 'sendonly');
    const { signalling } = this.#link;
    this.#sender = new Sender(device, {
      connect: (transportId, dtls) => this.#link.connectTransport(transportId, dtls),
      stateChanged: (state) => this.#link.transportStateChanged(state),
      produce: async (transportId, kind, rtpParameters) => {
        const request = { transportId, kind, rtpParameters };
        return (await signalling.request('produce', request)).producerId;
      },
      produceData: async (transportId, sctpStreamParameters) => {
        const request = { transportId, sctpStreamParameters };
        return (await signalling.request('produceData', request)).producerId;
      },
      maySend: async () => frames?.started,
      videoSenderCreated: (sender, codec) => frames?.attach(sender, codec),
      closeProducer: (producerId) => {
        signalling
          .request('closeProducer', { producerId })
          .catch((error: unknown) => this.#link.requestFailed(error));
      },
    });
    return this.#sender;
  }

  async #publish(): Promise<SessionOpened> {
    await this.#senderReady;
    const { room, token, ownership } = this.#options;
    const value = await this.#link.signalling.request('publish', {
      protocol: PROTOCOL_VERSION,
      room,
      publisherSecret: ownership.secret,
      ownershipProof: ownership.proof,
      token: token.value,
      clock: Date.now(),
    });
    ownership.store(value.publisherSecret, value.ownershipProof);
    return { ahead: false, answer: { to: 'publish', value } };
  }

  #applyAnswer({ to, value }: SessionAnswer): void {
    switch (to) {
      case 'publish':
        this.#epoch = value.epoch;
        this.#overlay.restartSequence();
        return this.#produce(value.transport);
      case 'resume': {
        if (!this.#link.isOpenTransport(value.transportId)) return;
        const held = this.#sender?.producerIds ?? [];
        // A socket that went down while producers were being created may have lost some of them.
        const complete = this.#produced && held.every((id) => value.producerIds.includes(id));
        if (!complete) this.#link.send({ type: 'TRANSPORT_GONE' });
        return;
      }
      case 'renewTransport':
        return this.#produce(value.transport);
      case 'join':
      case 'attach':
        throw new Error('a publisher does not join');
      default:
        to satisfies never;
    }
  }

  #produce(transport: TransportDescription): void {
    const sender = this.#sender;
    if (!sender) return;
    sender.open(transport);
    this.#produced = false;
    const { video, audio } = this.#media;
    sender.produceAll(video, audio).then(
      async () => {
        if (sender.transportId !== transport.id) return;
        this.#produced = true;
        // Camera or microphone may have been replaced meanwhile.
        if (this.#media.video !== video) await sender.setVideo(this.#media.video);
        if (this.#media.audio !== audio) await sender.setAudio(this.#media.audio);
      },
      (error: unknown) => {
        if (sender.transportId !== transport.id) return;
        this.#link.requestFailed(error);
        this.#link.send({ type: 'MEDIA_FAILED' });
      },
    );
  }

  #deriveStatus(): PublisherStatus {
    if (this.failure.value) return 'failed';
    const state = this.#link.state.value;
    if (state.phase === 'ended') return state.reason === 'superseded' ? 'superseded' : 'idle';
    const room = this.#link.room.value;
    if (state.phase === 'live' && room?.status === 'live' && room.epoch === this.#epoch) {
      return 'live';
    }
    return this.#everLive.value ? 'reconnecting' : 'connecting';
  }
}
