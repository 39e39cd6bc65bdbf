import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import type { JoinTrace } from '#protocol/join-trace.ts';
import type { MatchMethod, OverlayMessage } from '#protocol/overlay.ts';
import type { StateEntry } from '#protocol/overlay-state.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { AnswerOf, SessionGrant, ViewerMedia } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { loadDevice } from '../media/device.ts';
import { Receiver, watchFirstMedia } from '../media/receive.ts';
import { flowSampleOf } from '../media/stats.ts';
import { OverlayReceiver } from '../overlay/overlay-receiver.ts';
import { joinAhead, makeOwnSide } from '../joining/join-ahead.ts';
import { followJoin } from '../joining/join-report.ts';
import { JoinTracer } from '../joining/join-trace.ts';
import { Link } from './link.ts';
import { collectDiagnostics } from './diagnostics.ts';
import { installPageConsole } from './page-console.ts';
import type { SessionAnswer, SessionOpened } from './states.ts';
import { beginStall, isFlowing, type Remedy, type StallState, stepStall } from './stall.ts';
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

const SAMPLE_MS = 250;
/** Swaps leave closed m-lines behind; past this the transport is renewed, make before break. */
const SWAPS_BEFORE_RENEWAL = 20;

export function connectViewer(options: ViewerOptions): ViewerConnection {
  return new Viewer(options);
}

class Viewer implements ViewerConnection {
  readonly stream: MediaStream;
  readonly hasAudio: ReadonlySignal<boolean>;
  readonly status: ReadonlySignal<ViewerStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  readonly #options: ViewerOptions;
  readonly #link: Link;
  readonly #receiver: Promise<Receiver>;
  readonly #hasAudio = signal(false);
  readonly #unsupported = signal<Failure | undefined>(undefined);
  /** The picture moves now. */
  readonly #flowing = signal(false);
  readonly #everLive = signal(false);
  readonly #overlay = new OverlayReceiver(() => this.#link.signalling.request('stateSnapshot', {}));
  readonly #sampler: ReturnType<typeof setInterval>;
  readonly #closing = new AbortController();
  readonly #trace = new ConnectionTrace();
  readonly #tracer = new JoinTracer(() => performance.now());
  /** The session joined ahead of the socket, until that has it. */
  #ahead: Promise<SessionGrant | undefined> | undefined;
  #open: Receiver | undefined;
  #frames: ReceivedFrames | undefined;
  /** The transport that was live last. */
  #liveOn: string | undefined;
  #epoch = 0;
  /** What this session was told of the overlay's matching. */
  #reportedMatch: MatchMethod | undefined;
  #stall: StallState | undefined;
  /** A simulated stall: decoded frames are not seen until new consumers are made. */
  #blind = false;

  constructor(options: ViewerOptions) {
    this.#options = options;
    this.stream = new MediaStream();
    this.#receiver = loadDevice(options.page, 'recvonly').then((device) => {
      const receiver = new Receiver(device, this.stream, {
        connect: (transportId, dtls) => this.#link.connectTransport(transportId, dtls),
        stateChanged: (state) => {
          if (state === 'connected') this.#tracer.reached('dtls');
          this.#link.transportState(state);
        },
        consumersReady: (consumers) => {
          this.#tracer.reached('set-up');
          for (const consumer of consumers) {
            if (consumer.kind !== 'video') continue;
            watchFirstMedia(consumer, (step) => this.#tracer.reached(step));
          }
          this.#resume(consumers.map(({ id }) => id));
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
      this.#open = receiver;
      return receiver;
    });
    this.#receiver.catch(() => {
      this.#unsupported.value = {
        code: 'browser-unsupported',
        message: 'This browser can not play live video. Try a current Chrome, Firefox or Safari.',
      };
      this.close();
    });
    this.#link = new Link({
      patienceMs: Number.POSITIVE_INFINITY,
      trace: this.#trace,
      push: {
        broadcastChanged: ({ room, media, overlay }) => {
          this.#link.sawRoom(room);
          this.#match(media);
          if (overlay) this.#overlay.applySnapshot(overlay);
        },
      },
      openSession: () => this.#openSession(),
      applyAnswer: (answer) => this.#applyAnswer(answer),
      restartIce: async (iceParameters, abort) => this.#open?.restartIce(iceParameters, abort),
      requestKeyFrame: async () => {
        const { transportId } = this.#open ?? {};
        const isNew = transportId !== this.#liveOn;
        this.#liveOn = transportId;
        // The consumers of a new transport ask by themselves; twice would be two key frames.
        if (!isNew) await this.#requestKeyFrame();
      },
      dropMedia: () => this.#open?.close(),
      transportId: () => this.#open?.transportId,
    });
    this.hasAudio = this.#hasAudio;
    this.failure = computed(() => this.#unsupported.value ?? this.#link.failure);
    this.status = computed(() =>
      viewerStatus({
        failed: this.failure.value !== undefined,
        phase: this.#link.state.value.phase,
        room: this.#link.room.value?.status,
        flowing: this.#flowing.value,
        everLive: this.#everLive.value,
      }),
    );
    this.#sampler = setInterval(() => void this.#sample(), SAMPLE_MS);
    installPageConsole({
      trace: () => this.#trace.transitions(),
      diagnostics: () => this.diagnostics(),
      faults: () => ({
        ...this.#link.faults,
        'overlay-loss': () => this.#overlay.simulateLoss(),
        stall: () => {
          this.#blind = true;
        },
      }),
      overlayState: () => this.#overlay.state(),
    });
    followJoin(this.#tracer, this.#link, this.#closing.signal);
    this.#ahead = this.#joinAhead();
    this.#link.send({ type: 'START' });
  }

  get room() {
    return this.#link.room;
  }

  get joinTrace(): ReadonlySignal<JoinTrace | undefined> {
    return this.#tracer.trace;
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
      this.#tracer.reached('frame');
      this.#sawFrame();
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
    return this.#open?.getStats();
  }

  async diagnostics(): Promise<Diagnostics> {
    const connection = {
      role: 'viewer',
      room: this.#options.room,
      status: this.status.peek(),
      failure: this.failure.peek(),
      roomView: this.room.peek(),
      transitions: this.#trace.transitions(),
    } as const;
    return collectDiagnostics(connection, () => this.getStats());
  }

  close(): void {
    clearInterval(this.#sampler);
    this.#closing.abort();
    this.#link.close();
    this.#open?.close();
    this.#overlay.close();
  }

  // --- signalling

  /** Joins while the socket is on its way. What is wrong with that the socket's own join will tell. */
  async #joinAhead(): Promise<SessionGrant | undefined> {
    try {
      const [request, ownSide] = await Promise.all([this.#joinRequest(), makeOwnSide()]);
      if (!ownSide) return undefined;
      const { certificate, dtlsParameters } = ownSide;
      this.#tracer.asked('ahead');
      const answer = await joinAhead({ ...request, dtlsParameters }, this.#closing.signal);
      if (this.#closing.signal.aborted) return undefined;
      this.#link.sawRoom(answer.room);
      this.#begin(answer, certificate);
      return answer.session;
    } catch {
      return undefined;
    }
  }

  async #openSession(): Promise<SessionOpened> {
    const grant = await this.#ahead;
    return (grant && (await this.#attach(grant))) ?? this.#join();
  }

  /** Gives the socket the session that was joined ahead of it; undefined where that is gone. */
  async #attach(grant: SessionGrant): Promise<SessionOpened | undefined> {
    const request = { protocol: PROTOCOL_VERSION, ...grant };
    try {
      const answer = await this.#link.signalling.request('attach', request);
      this.#ahead = undefined;
      return { ahead: true, answer: { to: 'attach', value: answer } };
    } catch (error) {
      if (!(error instanceof OnecastError)) throw error;
      this.#ahead = undefined;
      return undefined;
    }
  }

  async #join(): Promise<SessionOpened> {
    const request = await this.#joinRequest();
    this.#tracer.asked('socket');
    const answer = await this.#link.signalling.request('join', request);
    return { ahead: false, answer: { to: 'join', value: answer } };
  }

  async #joinRequest() {
    const { device } = await this.#receiver;
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
        return this.#begin(value);
      case 'attach':
        if (this.#link.isOpenTransport(value.transportId)) return this.#resumed(value);
        return this.#link.send({ type: 'TRANSPORT_GONE' });
      case 'resume':
        // Without its transport a new one follows, and its answer says what to receive.
        if (this.#link.isOpenTransport(value.transportId)) this.#resumed(value);
        return;
      case 'renewTransport':
        this.#open?.open(value.transport);
        if (value.media) this.#match(value.media);
        if (value.overlay) this.#overlay.applySnapshot(value.overlay);
        return;
      case 'publish':
        throw new Error('a viewer does not publish');
      default:
        to satisfies never;
    }
  }

  #begin(answer: AnswerOf<'join'>, certificate?: RTCCertificate): void {
    this.#tracer.reached('answered');
    if (answer.media.consumers.length === 0) this.#tracer.abandon();
    this.#open?.open(answer.transport, certificate);
    this.#reportedMatch = undefined;
    // A server that was started anew counts its epochs anew.
    this.#newEpoch(answer.media.epoch);
    this.#match(answer.media);
    this.#overlay.applySnapshot(answer.overlay);
  }

  #resumed(answer: AnswerOf<'resume'>): void {
    const { media } = answer;
    if (!media) return;
    this.#match(media);
    // The request that resumed them may have been lost with the socket.
    this.#resume(media.consumers.map(({ id }) => id));
    if (answer.overlay) this.#overlay.applySnapshot(answer.overlay);
  }

  #resume(consumerIds: string[]): void {
    // Without a socket it is `attach` or `resume` that brings this about.
    if (consumerIds.length === 0 || !this.#link.signalling.isUp) return;
    this.#link.signalling
      .request('resumeConsumers', { consumerIds })
      .catch((error: unknown) => this.#link.failed(error));
  }

  async #requestKeyFrame(): Promise<void> {
    if (this.#open?.expectsMedia) await this.#link.signalling.request('requestKeyFrame', {});
  }

  /** Makes what is received that of `media`; a push that was overtaken changes nothing. */
  #match(media: ViewerMedia): void {
    const receiver = this.#open;
    if (!receiver || media.epoch < this.#epoch) return;
    if (media.epoch > this.#epoch) this.#newEpoch(media.epoch);
    receiver.reconcile(media).then(
      () => {
        // With nothing to receive the transport has nothing to connect for.
        const { state } = receiver;
        const idle = state === 'new' && !receiver.expectsMedia;
        if (idle || state === 'connected') this.#link.send({ type: 'MEDIA_READY' });
        if (receiver.replacedConsumers >= SWAPS_BEFORE_RENEWAL)
          this.#link.send({ type: 'TRANSPORT_GONE' });
      },
      (error: unknown) => {
        console.warn('onecast:', error);
        this.#link.send({ type: 'MEDIA_FAILED' });
      },
    );
  }

  #newEpoch(epoch: number): void {
    this.#epoch = epoch;
    this.#overlay.broadcastStarted();
  }

  // --- the picture

  #sawFrame(): void {
    if (this.#blind) return;
    this.#flowing.value = true;
    this.#everLive.value = true;
  }

  async #sample(): Promise<void> {
    const before = this.#stall;
    const seen = flowSampleOf(await this.#open?.getStats(), performance.now());
    const sample = this.#blind && before ? { ...seen, frames: before.last.frames } : seen;
    const moved = before !== undefined && sample.frames > before.last.frames;
    const expected =
      this.#link.state.value.phase === 'live' &&
      this.#link.room.value?.status === 'live' &&
      this.#open?.expectsMedia === true;
    if (!before) {
      this.#stall = beginStall(sample);
      return;
    }
    if (moved) this.#sawFrame();
    const { state, remedy } = stepStall(before, sample);
    this.#flowing.value = isFlowing(state);
    // Nothing is expected: the clocks of the ladder start anew, that of the picture does not.
    this.#stall = expected ? state : beginStall(sample, state);
    if (expected && remedy) this.#apply(remedy);
  }

  #apply(remedy: Remedy): void {
    console.info(`onecast: the picture stands still, remedy: ${remedy}`);
    switch (remedy) {
      case 'restart-ice':
        return this.#link.send({ type: 'MEDIA_FAILED' });
      case 'key-frame':
        this.#requestKeyFrame().catch((error: unknown) => this.#link.failed(error));
        return;
      case 'new-consumers':
        this.#blind = false;
        this.#link.signalling.request('renewConsumers', {}).then(
          (media) => this.#match(media),
          (error: unknown) => this.#link.failed(error),
        );
        return;
      case 'new-transport':
        return this.#link.send({ type: 'TRANSPORT_GONE' });
      default:
        remedy satisfies never;
    }
  }
}
