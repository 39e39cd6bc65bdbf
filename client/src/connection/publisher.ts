import { computed, effect, type ReadonlySignal, signal } from '@preact/signals-core';
import type { KeyedMessage } from '#protocol/overlay-state.ts';
import type { RoomView } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { loadDevice } from '../media/device.ts';
import { Sender } from '../media/send.ts';
import { type OutgoingOverlayMessage, OverlaySender } from '../overlay/overlay-sender.ts';
import { Link } from './link.ts';
import { readPublisherSecret, storePublisherSecret } from '../credentials/publisher-secret.ts';
import { collectDiagnostics } from './diagnostics.ts';
import { type Faults, installPageConsole } from './page-console.ts';
import type { SessionAnswer, SessionOpened } from './states.ts';
import { ConnectionTrace } from './trace.ts';
import type {
  Diagnostics,
  Failure,
  PublisherConnection,
  PublisherMedia,
  PublisherOptions,
  PublisherStatus,
} from './types.ts';

/** A publisher nobody can reach for so long has given up; a viewer never does. */
const PATIENCE_MS = 600_000;

export function createPublisher(options: PublisherOptions): PublisherConnection {
  return new Publisher(options);
}

class Publisher implements PublisherConnection {
  readonly status: ReadonlySignal<PublisherStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  readonly room: ReadonlySignal<RoomView | undefined>;
  readonly #options: PublisherOptions;
  /** The broadcast under way, or the one that was taken over or failed. */
  readonly #air = signal<ActiveBroadcast | undefined>(undefined);
  /** Outlives broadcasts: a key that a source has set stays until the source deletes it. */
  readonly #overlay = new OverlaySender();
  /** Outlives broadcasts: why the last one ended is worth knowing in the next one. */
  readonly #trace = new ConnectionTrace();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.status = computed(() => this.#air.value?.status.value ?? 'idle');
    this.failure = computed(() => this.#air.value?.failure.value);
    this.room = computed(() => this.#air.value?.link.room.value);
    installPageConsole({
      trace: () => this.#trace.transitions(),
      diagnostics: () => this.diagnostics(),
      faults: () => this.#air.value?.faults ?? {},
      overlayState: () => this.#overlay.state(),
    });
  }

  start(media: PublisherMedia): void {
    this.#air.value?.close();
    this.#air.value = new ActiveBroadcast(this.#options, media, this.#overlay, this.#trace);
  }

  setVideo(track: MediaStreamTrack): void {
    this.#air.value?.setVideo(track);
  }

  setAudio(track: MediaStreamTrack | undefined): void {
    this.#air.value?.setAudio(track);
  }

  sendOverlay(message: OutgoingOverlayMessage): boolean {
    return this.#overlay.send(message);
  }

  setOverlayState(message: KeyedMessage): boolean {
    return this.#overlay.setState(message);
  }

  async stop(): Promise<void> {
    const air = this.#air.value;
    this.#air.value = undefined;
    await air?.end();
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    return this.#air.value?.getStats();
  }

  async diagnostics(): Promise<Diagnostics> {
    const connection = {
      role: 'publisher',
      room: this.#options.room,
      status: this.status.peek(),
      failure: this.failure.peek(),
      roomView: this.room.peek(),
      transitions: this.#trace.transitions(),
    } as const;
    return collectDiagnostics(connection, () => this.getStats());
  }

  close(): void {
    this.#air.value?.close();
    this.#air.value = undefined;
  }
}

/** One broadcast, from start to stop. */
class ActiveBroadcast {
  readonly link: Link;
  readonly status: ReadonlySignal<PublisherStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  readonly #options: PublisherOptions;
  readonly #overlay: OverlaySender;
  readonly #closeOverlay: () => void;
  readonly #ready: Promise<Sender>;
  readonly #unsupported = signal<Failure | undefined>(undefined);
  readonly #everLive = signal(false);
  readonly #forget: () => void;
  #media: PublisherMedia;
  #sender: Sender | undefined;
  #epoch = 0;
  /** All that should be sent on the present transport is. */
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
    this.#ready = loadDevice(options.page, 'sendonly').then((device) => {
      this.#sender = new Sender(device, {
        connect: (transportId, dtls) => this.link.connectTransport(transportId, dtls),
        stateChanged: (state) => this.link.transportState(state),
        produce: async (transportId, kind, rtpParameters) =>
          (await this.link.signalling.request('produce', { transportId, kind, rtpParameters }))
            .producerId,
        produceData: async (transportId, sctpStreamParameters) =>
          (
            await this.link.signalling.request('produceData', {
              transportId,
              sctpStreamParameters,
            })
          ).producerId,
        maySend: async () => options.frames?.started,
        videoSenderCreated: (sender, codec) => options.frames?.attach(sender, codec),
        closeProducer: (producerId) => {
          this.link.signalling
            .request('closeProducer', { producerId })
            .catch((error: unknown) => this.link.failed(error));
        },
      });
      return this.#sender;
    });
    this.#ready.catch(() => {
      this.#unsupported.value = {
        code: 'browser-unsupported',
        message: 'This browser can not send live video. Try a current Chrome, Firefox or Safari.',
      };
      this.close();
    });
    this.link = new Link({
      patienceMs: PATIENCE_MS,
      trace,
      push: {
        roomChanged: (room) => {
          this.link.sawRoom(room);
          // The server does not hear us though the socket is up: no need to wait for ICE to see it.
          const deaf = room.status === 'interrupted' && room.epoch === this.#epoch;
          if (deaf) this.link.send({ type: 'MEDIA_FAILED' });
        },
      },
      openSession: () => this.#publish(),
      applyAnswer: (answer) => this.#applyAnswer(answer),
      restartIce: async (iceParameters, abort) => this.#sender?.restartIce(iceParameters, abort),
      requestKeyFrame: async () => undefined,
      dropMedia: () => this.#sender?.close(),
      transportId: () => this.#sender?.transportId,
    });
    this.failure = computed(() => this.#unsupported.value ?? this.link.failure);
    this.status = computed(() => this.#deriveStatus());
    this.#forget = effect(() => {
      if (this.status.value !== 'live') return undefined;
      this.#everLive.value = true;
      return overlay.goLive((batch) => this.link.signalling.request('setState', batch));
    });
    this.link.send({ type: 'START' });
  }

  get faults(): Faults {
    return {
      ...this.link.faults,
      superseded: () => this.link.send({ type: 'SUPERSEDED' }),
      'camera-loss': () => {
        const { video } = this.#media;
        video.stop();
        // A track that its own page stops raises no event.
        video.dispatchEvent(new Event('ended'));
      },
    };
  }

  setVideo(track: MediaStreamTrack): void {
    this.#media = { ...this.#media, video: track };
    this.#sender?.setVideo(track).catch((error: unknown) => this.link.failed(error));
  }

  setAudio(track: MediaStreamTrack | undefined): void {
    this.#media = { ...this.#media, audio: track };
    this.#sender?.setAudio(track).catch((error: unknown) => this.link.failed(error));
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    return this.#sender?.getStats();
  }

  /** Ends the broadcast for everybody. */
  async end(): Promise<void> {
    this.#closeOverlay();
    try {
      await this.link.signalling.request('endBroadcast', { epoch: this.#epoch });
    } catch (error) {
      // It can't be told: viewers learn it when the room's grace is over.
      console.warn('onecast:', error);
    }
    this.close();
  }

  close(): void {
    this.#forget();
    this.#closeOverlay();
    this.link.close();
    this.#sender?.close();
  }

  async #publish(): Promise<SessionOpened> {
    await this.#ready;
    const { room, token } = this.#options;
    const publisherSecret = readPublisherSecret(room);
    const value = await this.link.signalling.request('publish', {
      protocol: PROTOCOL_VERSION,
      room,
      publisherSecret,
      token: token.value,
    });
    if (value.publisherSecret) storePublisherSecret(room, value.publisherSecret);
    return { ahead: false, answer: { to: 'publish', value } };
  }

  #applyAnswer({ to, value }: SessionAnswer): void {
    switch (to) {
      case 'publish':
        this.#epoch = value.epoch;
        this.#overlay.restartSequence();
        return this.#produce(value.transport);
      case 'resume': {
        if (!this.link.isOpenTransport(value.transportId)) return;
        const held = this.#sender?.producerIds ?? [];
        // The socket may have gone while they were being made: then some are on no side at all.
        const whole = this.#produced && held.every((id) => value.producerIds.includes(id));
        if (!whole) this.link.send({ type: 'TRANSPORT_GONE' });
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

  #produce(transport: Parameters<Sender['open']>[0]): void {
    const sender = this.#sender;
    if (!sender) return;
    sender.open(transport);
    this.#produced = false;
    const { video, audio } = this.#media;
    sender.produceAll(video, audio).then(
      async () => {
        if (sender.transportId !== transport.id) return;
        this.#produced = true;
        // The camera may have been changed while this was under way.
        if (this.#media.video !== video) await sender.setVideo(this.#media.video);
        if (this.#media.audio !== audio) await sender.setAudio(this.#media.audio);
      },
      (error: unknown) => {
        if (sender.transportId !== transport.id) return;
        this.link.failed(error);
        this.link.send({ type: 'MEDIA_FAILED' });
      },
    );
  }

  #deriveStatus(): PublisherStatus {
    if (this.failure.value) return 'failed';
    const state = this.link.state.value;
    if (state.phase === 'ended') return state.reason === 'superseded' ? 'superseded' : 'idle';
    const room = this.link.room.value;
    if (state.phase === 'live' && room?.status === 'live' && room.epoch === this.#epoch) {
      return 'live';
    }
    return this.#everLive.value ? 'reconnecting' : 'connecting';
  }
}
