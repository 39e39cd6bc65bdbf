import { computed, effect, type ReadonlySignal, signal } from '@preact/signals-core';
import type { SessionId } from '#protocol/ids.ts';
import type { RoomView, TransportDescription } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { loadDevice } from '../media/device.ts';
import { Sender } from '../media/send.ts';
import { SentSources, type SourceStates } from '../media/sent-sources.ts';
import type { OverlaySender } from '../overlay/overlay-sender.ts';
import { DiagnosisWatch } from './diagnosis-watch.ts';
import { type Diagnosis, type Limitation, unsupportedWords } from './diagnosis-words.ts';
import { Link } from './link.ts';
import type { Faults } from './page-console.ts';
import { probeServer } from './server-probe.ts';
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
  readonly #sources: SentSources;
  readonly #diagnosisWatch: DiagnosisWatch;
  readonly #closing = new AbortController();
  #sender: Sender | undefined;
  #epoch = 0;
  /** Everything that can be sent has a producer on the present transport. */
  #produced = false;
  /** What the server knows of the sources; undefined while that is not certain. */
  #reported: SourceStates | undefined;

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
    this.#sources = new SentSources(media, () => this.#sourcesChanged());
    if (options.frames) options.frames.onTurned = () => this.#sourcesChanged();
    this.#senderReady = this.#createSender();
    this.#senderReady.catch(() => {
      this.#unsupported.value = {
        code: 'browser-unsupported',
        message: unsupportedWords('publisher', globalThis.RTCPeerConnection),
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
    this.#diagnosisWatch = new DiagnosisWatch({
      role: 'publisher',
      pageHost: location.hostname,
      troubled: computed(() => ['connecting', 'reconnecting'].includes(this.status.value)),
      live: computed(() => this.status.value === 'live'),
      phase: computed(() => this.#link.state.value.phase),
      socketUp: () => this.#link.signalling.isUp,
      transport: () => this.#sender?.watched,
      getStats: () => this.getStats(),
      probe: () => probeServer(this.#closing.signal),
    });
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

  get diagnosis(): ReadonlySignal<Diagnosis | undefined> {
    return this.#diagnosisWatch.diagnosis;
  }

  get limitation(): ReadonlySignal<Limitation | undefined> {
    return this.#diagnosisWatch.limitation;
  }

  get sessionId(): SessionId | undefined {
    return this.#link.sessionId;
  }

  get faults(): Faults {
    return {
      ...this.#link.faults,
      superseded: () => this.#link.send({ type: 'SUPERSEDED' }),
      'camera-loss': () => {
        const { video } = this.#sources.tracks;
        video?.stop();
        // A track that the page itself stops raises no event.
        video?.dispatchEvent(new Event('ended'));
      },
    };
  }

  setVideo(track: MediaStreamTrack | undefined): void {
    this.#sources.tracks = { ...this.#sources.tracks, video: track };
    this.#sourcesChanged();
  }

  setAudio(track: MediaStreamTrack | undefined): void {
    this.#sources.tracks = { ...this.#sources.tracks, audio: track };
    this.#sourcesChanged();
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
    this.#diagnosisWatch.close();
    this.#closing.abort();
    this.#closeOverlay();
    this.#sources.close();
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
      videoOutgrown: () => this.#sourcesChanged(),
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
        else this.#sourcesChanged();
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
    this.#reported = undefined;
    this.#matchSources(sender, transport.id).catch((error: unknown) => {
      if (sender.transportId !== transport.id) return;
      this.#link.requestFailed(error);
      this.#link.send({ type: 'MEDIA_FAILED' });
    });
  }

  /** A track was set, has ended, or was muted or unmuted. */
  #sourcesChanged(): void {
    const sender = this.#sender;
    const transportId = sender?.transportId;
    // Without a transport, the next one begins with the sources as they are then.
    if (!sender || transportId === undefined) return;
    this.#matchSources(sender, transportId).catch((error: unknown) => {
      if (sender.transportId === transportId) this.#link.requestFailed(error);
    });
  }

  /** Sends what the sources give, on this transport, and reports their states to the server. */
  async #matchSources(sender: Sender, transportId: string): Promise<void> {
    const { video, audio } = this.#sources.tracks;
    const { frames } = this.#options;
    await sender.match({ video: frames ? frames.toSend(video) : video, audio });
    if (sender.transportId !== transportId) return;
    this.#produced = true;
    const { states } = this.#sources;
    const known = this.#reported;
    if (known && known.video === states.video && known.audio === states.audio) return;
    // Without a socket, the answer to `resume` leads here again.
    if (!this.#link.signalling.isUp) return;
    this.#reported = states;
    try {
      await this.#link.signalling.request('setSources', states);
    } catch (error) {
      if (this.#reported === states) this.#reported = undefined;
      throw error;
    }
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
