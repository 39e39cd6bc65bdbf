import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import type { JoinTrace } from '#protocol/join-trace.ts';
import type { MatchMethod, OverlayMessage } from '#protocol/overlay.ts';
import type { StateEntry } from '#protocol/overlay-state.ts';
import type { AnswerOf, SourceState, ViewerMedia } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { ViewerJoin } from '../joining/viewer-join.ts';
import { JoinTracer, reportJoin } from '../joining/join-trace.ts';
import { loadDevice } from '../media/device.ts';
import { Receiver, watchFirstMedia } from '../media/receive.ts';
import { OverlayReceiver } from '../overlay/overlay-receiver.ts';
import { DiagnosisWatch } from './diagnosis-watch.ts';
import { unsupportedWords } from './diagnosis-words.ts';
import { collectDiagnostics } from './diagnostics.ts';
import { Link } from './link.ts';
import { installPageConsole } from './page-console.ts';
import { probeServer } from './server-probe.ts';
import { StallRecovery } from './stall-recovery.ts';
import { isMediaUp, type SessionAnswer } from './states.ts';
import { ConnectionTrace } from './trace.ts';
import type {
  Diagnostics,
  Failure,
  ReceivedFrames,
  ViewerConnection,
  ViewerOptions,
  ViewerStatus,
} from './types.ts';
import { viewerStatus } from './viewer-status.ts';

/** Replaced consumers leave closed m-lines behind; after this many the transport is renewed. */
const REPLACED_CONSUMERS_MAX = 20;

export function connectViewer(options: ViewerOptions): ViewerConnection {
  return new Viewer(options);
}

class Viewer implements ViewerConnection {
  readonly stream = new MediaStream();
  readonly hasAudio: ReadonlySignal<boolean>;
  readonly video: ReadonlySignal<SourceState>;
  readonly status: ReadonlySignal<ViewerStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  readonly #options: ViewerOptions;
  readonly #link: Link;
  readonly #join: ViewerJoin;
  readonly #receiverReady: Promise<Receiver>;
  readonly #hasAudio = signal(false);
  readonly #unsupported = signal<Failure | undefined>(undefined);
  readonly #stalls: StallRecovery;
  readonly #diagnosisWatch: DiagnosisWatch;
  readonly #overlay = new OverlayReceiver(() => this.#link.signalling.request('stateSnapshot', {}));
  readonly #closing = new AbortController();
  readonly #trace = new ConnectionTrace();
  readonly #joinTracer = new JoinTracer(() => performance.now());
  #receiver: Receiver | undefined;
  #frames: ReceivedFrames | undefined;
  /** The transport on which the connection was last live. */
  #lastLiveTransport: string | undefined;
  #epoch = 0;
  /** The method that was last reported in this session. */
  #reportedMatch: MatchMethod | undefined;

  constructor(options: ViewerOptions) {
    this.#options = options;
    this.#receiverReady = this.#createReceiver();
    this.#receiverReady.catch(() => {
      this.#unsupported.value = {
        code: 'browser-unsupported',
        message: unsupportedWords('viewer', globalThis.RTCPeerConnection),
      };
      this.close();
    });
    this.#link = new Link({
      patienceMs: Number.POSITIVE_INFINITY,
      trace: this.#trace,
      push: {
        broadcastChanged: ({ room, media, overlay }) => {
          this.#link.updateRoom(room);
          this.#receive(media);
          if (overlay) this.#overlay.applySnapshot(overlay);
        },
      },
      openSession: () => this.#join.openSession(),
      applyAnswer: (answer) => this.#applyAnswer(answer),
      restartIce: async (iceParameters, abort) => this.#receiver?.restartIce(iceParameters, abort),
      requestKeyFrame: async () => {
        const { transportId } = this.#receiver ?? {};
        const isNew = transportId !== this.#lastLiveTransport;
        this.#lastLiveTransport = transportId;
        // The consumers of a new transport request a key frame automatically: this would be a second one.
        if (!isNew) await this.#requestKeyFrame();
      },
      dropMedia: () => this.#receiver?.close(),
      transportId: () => this.#receiver?.transportId,
    });
    this.#join = new ViewerJoin({
      request: () => this.#joinRequest(),
      signalling: this.#link.signalling,
      tracer: this.#joinTracer,
      joinedAhead: (answer, certificate) => {
        this.#link.updateRoom(answer.room);
        this.#joined(answer, certificate);
      },
      refusedAhead: ({ code, message }) => {
        this.#diagnosisWatch.serverAnswered({ kind: 'refuses', code, message });
      },
      closed: this.#closing.signal,
    });
    this.#stalls = new StallRecovery({
      getStats: () => this.getStats(),
      expectsFrames: () =>
        this.#link.state.value.phase === 'live' &&
        this.#link.room.value?.status === 'live' &&
        // A publisher whose camera is off or muted sends nothing: there is nothing to repair.
        this.#link.room.value.video === 'on' &&
        this.#receiver?.expectsMedia === true,
      keyFrameIntervalMs: () => this.#link.room.value?.keyFrameIntervalMs,
      remedies: {
        'restart-ice': () => this.#link.send({ type: 'MEDIA_FAILED' }),
        'key-frame': () => {
          this.#requestKeyFrame().catch((error: unknown) => this.#link.requestFailed(error));
        },
        'new-consumers': () => this.#renewConsumers(),
        'new-transport': () => this.#link.send({ type: 'TRANSPORT_GONE' }),
      },
    });
    this.hasAudio = this.#hasAudio;
    this.video = computed(() => {
      const known = this.#link.room.value?.video ?? 'off';
      // Without signalling the last report may be out of date; frames that flow are not.
      return this.#link.state.value.phase !== 'live' && this.#stalls.flowing.value ? 'on' : known;
    });
    this.failure = computed(() => this.#unsupported.value ?? this.#link.failure);
    this.status = computed(() =>
      viewerStatus({
        failed: this.failure.value !== undefined,
        phase: this.#link.state.value.phase,
        room: this.#link.room.value?.status,
        video: this.#link.room.value?.video ?? 'off',
        mediaUp: isMediaUp(this.#link.state.value),
        flowing: this.#stalls.flowing.value,
        everFlowed: this.#stalls.everFlowed.value,
      }),
    );
    this.#diagnosisWatch = new DiagnosisWatch({
      role: 'viewer',
      pageHost: location.hostname,
      troubled: computed(() => ['connecting', 'reconnecting'].includes(this.status.value)),
      live: computed(() => this.status.value === 'live'),
      phase: computed(() => this.#link.state.value.phase),
      socketUp: () => this.#link.signalling.isUp,
      transport: () => this.#receiver?.watched,
      getStats: () => this.getStats(),
      probe: () => probeServer(this.#closing.signal),
      websocketBlocked: () => this.#join.start(),
    });
    installPageConsole({
      trace: () => this.#trace.transitions(),
      diagnostics: () => this.diagnostics(),
      faults: () => ({
        ...this.#link.faults,
        'overlay-loss': () => this.#overlay.simulateLoss(),
        stall: () => this.#stalls.simulateStall(),
      }),
      overlayState: () => this.#overlay.state(),
    });
    reportJoin(
      this.#joinTracer,
      computed(() => this.#link.state.value.phase === 'live'),
      (join) => this.#link.signalling.request('report', { join }),
      this.#closing.signal,
    );
    this.#join.start();
    this.#link.send({ type: 'START' });
  }

  get room() {
    return this.#link.room;
  }

  get diagnosis() {
    return this.#diagnosisWatch.diagnosis;
  }

  get limitation() {
    return this.#diagnosisWatch.limitation;
  }

  get joinTrace(): ReadonlySignal<JoinTrace | undefined> {
    return this.#joinTracer.trace;
  }

  onOverlay(listener: (message: OverlayMessage) => void): () => void {
    return this.#overlay.onMessage(listener);
  }

  onOverlayState(listener: (entry: StateEntry) => void): () => void {
    return this.#overlay.onState(listener);
  }

  onOverlayReset(listener: () => void): () => void {
    return this.#overlay.onReset(listener);
  }

  useFrames(frames: ReceivedFrames): void {
    this.#frames = frames;
  }

  watch(video: HTMLVideoElement): () => void {
    let handle = 0;
    const shown = () => {
      this.#joinTracer.reached('frame');
      this.#stalls.frameSeen();
      handle = video.requestVideoFrameCallback(shown);
    };
    handle = video.requestVideoFrameCallback(shown);
    return () => video.cancelVideoFrameCallback(handle);
  }

  reportMatch(method: MatchMethod): void {
    if (method === this.#reportedMatch || this.#link.state.peek().phase !== 'live') return;
    this.#reportedMatch = method;
    this.#link.signalling.request('report', { match: { method } }).catch(() => {
      this.#reportedMatch = undefined;
    });
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    return this.#receiver?.getStats();
  }

  async diagnostics(): Promise<Diagnostics> {
    const { room } = this.#options;
    const sessionId = this.#link.sessionId;
    return collectDiagnostics({ role: 'viewer', room, sessionId }, this, this.#trace);
  }

  close(): void {
    this.#stalls.close();
    this.#diagnosisWatch.close();
    this.#closing.abort();
    this.#link.close();
    this.#receiver?.close();
    this.#overlay.close();
  }

  // --- the session

  async #joinRequest() {
    const { device } = await this.#receiverReady;
    return {
      protocol: PROTOCOL_VERSION,
      room: this.#options.room,
      rtpCapabilities: device.recvRtpCapabilities,
      token: this.#options.token.value,
    };
  }

  #applyAnswer({ to, value }: SessionAnswer): void {
    switch (to) {
      case 'join':
        return this.#joined(value);
      case 'attach':
        if (this.#link.isOpenTransport(value.transportId)) return this.#resumed(value);
        return this.#link.send({ type: 'TRANSPORT_GONE' });
      case 'resume':
        // Otherwise the transport is renewed, and that answer describes what to receive.
        if (this.#link.isOpenTransport(value.transportId)) this.#resumed(value);
        return;
      case 'renewTransport':
        this.#receiver?.open(value.transport);
        if (value.media) this.#receive(value.media);
        if (value.overlay) this.#overlay.applySnapshot(value.overlay);
        return;
      case 'publish':
        throw new Error('a viewer does not publish');
      default:
        to satisfies never;
    }
  }

  #joined(answer: AnswerOf<'join'>, certificate?: RTCCertificate): void {
    this.#joinTracer.reached('answered');
    // No frame is due, so no time to the first frame says anything about joining.
    if (answer.room.video !== 'on') this.#joinTracer.abandon();
    this.#receiver?.open(answer.transport, certificate);
    this.#reportedMatch = undefined;
    // Even if it is lower: a server that was restarted counts its epochs from the beginning.
    this.#startEpoch(answer.media.epoch);
    this.#receive(answer.media);
    this.#overlay.applySnapshot(answer.overlay);
  }

  #resumed(answer: AnswerOf<'resume'>): void {
    const { media } = answer;
    if (!media) return;
    this.#receive(media);
    // The request that resumed these consumers may have been lost with the socket.
    this.#resumeConsumers(media.consumers.map(({ id }) => id));
    if (answer.overlay) this.#overlay.applySnapshot(answer.overlay);
  }

  // --- the media

  async #createReceiver(): Promise<Receiver> {
    const device = await loadDevice(this.#options.page, 'recvonly');
    const receiver = new Receiver(device, this.stream, {
      connect: (transportId, dtls) => this.#link.connectTransport(transportId, dtls),
      stateChanged: (state) => {
        if (state === 'connected') this.#joinTracer.reached('dtls');
        this.#link.transportStateChanged(state);
      },
      consumersReady: (consumers) => {
        this.#joinTracer.reached('set-up');
        for (const consumer of consumers) {
          if (consumer.kind !== 'video') continue;
          watchFirstMedia(consumer, (step) => this.#joinTracer.reached(step));
        }
        this.#resumeConsumers(consumers.map(({ id }) => id));
      },
      data: (channel, text) => this.#overlay.receive(channel, text),
      mayReceive: async () => this.#frames?.started,
      receiverCreated: (receiver, kind) => {
        this.#frames?.attach(receiver, kind);
      },
      tracksChanged: () => {
        this.#hasAudio.value = this.stream.getAudioTracks().length > 0;
      },
    });
    this.#receiver = receiver;
    return receiver;
  }

  /** Receives what `media` lists. A push that was overtaken by a later answer changes nothing. */
  #receive(media: ViewerMedia): void {
    const receiver = this.#receiver;
    if (!receiver || media.epoch < this.#epoch) return;
    if (media.epoch > this.#epoch) this.#startEpoch(media.epoch);
    receiver.reconcile(media).then(
      () => {
        // With nothing to receive, the transport has no reason to connect.
        const { state } = receiver;
        const idle = state === 'new' && !receiver.expectsMedia;
        if (idle || state === 'connected') this.#link.send({ type: 'MEDIA_READY' });
        const worn = receiver.replacedConsumers >= REPLACED_CONSUMERS_MAX;
        if (worn) this.#link.send({ type: 'TRANSPORT_GONE' });
      },
      (error: unknown) => {
        console.warn('onecast:', error);
        this.#link.send({ type: 'MEDIA_FAILED' });
      },
    );
  }

  #startEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#overlay.broadcastStarted();
  }

  #resumeConsumers(consumerIds: string[]): void {
    // Without a socket, the answer to `attach` or `resume` leads here again.
    if (consumerIds.length === 0 || !this.#link.signalling.isUp) return;
    this.#link.signalling
      .request('resumeConsumers', { consumerIds })
      .catch((error: unknown) => this.#link.requestFailed(error));
  }

  #renewConsumers(): void {
    this.#link.signalling.request('renewConsumers', {}).then(
      (media) => this.#receive(media),
      (error: unknown) => this.#link.requestFailed(error),
    );
  }

  async #requestKeyFrame(): Promise<void> {
    if (this.#receiver?.expectsMedia) await this.#link.signalling.request('requestKeyFrame', {});
  }
}
