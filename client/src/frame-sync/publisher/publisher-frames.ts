import type { FrameId } from '#protocol/overlay.ts';
import type {
  AnalyserWants,
  FrameImage,
  FrameToAnalyser,
  PageToSendWorker,
  PageToSourceWorker,
  SendWorkerToPage,
  SourceWorkerToPage,
} from '../messages.ts';
import { FrameWorker } from '../frame-worker-host.ts';
import { passPreviewFrames } from './preview-frames.ts';
import { UprightTrack } from './upright-track.ts';

/** Not in TypeScript's library; Chromium has it in pages, Safari in workers only. */
declare global {
  var MediaStreamTrackProcessor:
    | (new (init: {
        track: MediaStreamTrack;
        maxBufferSize?: number;
      }) => { readonly readable: ReadableStream<VideoFrame> })
    | undefined;
}

/** Captured frames that may wait for a busy worker; each one that is lost here is sent without a number. */
const BUFFERED_FRAMES = 4;

/**
 * The publisher's page side of frame numbers and tags: the send worker numbers captured frames, tags
 * encoded ones and passes captured frames to overlay sources. Where the browser gives no captured
 * frames, the worker numbers the sent ones; sources get these or, while nothing is sent, the preview's.
 */
export class PublisherFrames {
  /** `toSend` has another answer for the present track. */
  onTurned: (() => void) | undefined;
  readonly #preview: HTMLVideoElement;
  readonly #worker: FrameWorker<SendWorkerToPage>;
  readonly #stops = new Set<() => void>();
  /** Of the present camera, once it has given a frame with an angle. */
  #upright: UprightTrack | undefined;
  #track: MediaStreamTrack | undefined;
  #readTrack: MediaStreamTrack | undefined;
  #isBroadcasting = false;
  #lastAnalyserId = 0;

  constructor(preview: HTMLVideoElement) {
    this.#preview = preview;
    this.#worker = new FrameWorker(
      () => new Worker(new URL('./send-worker.ts', import.meta.url), { type: 'module' }),
      ({ kind }) => {
        if (kind === 'turned') this.#turn();
      },
    );
    if (!browserGivesFrames()) this.#post({ kind: 'number-sent-frames' });
  }

  /** The track that is sent, or will be; it stays the caller's. */
  set track(track: MediaStreamTrack | undefined) {
    this.#track = track;
    this.#update();
  }

  /** The track to send in the place of `track`: one with the same frames, if they have to be turned. */
  toSend(track: MediaStreamTrack | undefined): MediaStreamTrack | undefined {
    return track !== undefined && track === this.#upright?.source ? this.#upright.track : track;
  }

  /** While broadcasting, frames are numbered even if no source analyses them: other data may name them. */
  set isBroadcasting(isBroadcasting: boolean) {
    this.#isBroadcasting = isBroadcasting;
    this.#update();
  }

  /** Resolves when senders can be attached, or when it is certain that they never can. */
  get started(): Promise<void> {
    return this.#worker.started;
  }

  /** A sender of the track, before its first frame, and the codec that it encodes to (`video/VP8`). */
  attach(sender: RTCRtpSender, codec: string | undefined): void {
    this.#worker.attach(sender, codec);
  }

  /**
   * Passes captured frames, at most one in `everyMs`, to a worker that answers with shapes;
   * `makeWorker`'s script calls `analyseFrames`. Returns a function that stops and ends the worker.
   */
  analyse(
    makeWorker: () => Worker,
    everyMs: number,
    listener: (answer: SourceWorkerToPage) => void,
  ): () => void {
    const worker = makeWorker();
    const { port1, port2 } = new MessageChannel();
    worker.addEventListener('message', ({ data }: MessageEvent<SourceWorkerToPage>) =>
      listener(data),
    );
    const start: PageToSourceWorker = { port: port2 };
    worker.postMessage(start, [port2]);
    return this.#add(port1, { images: true, everyMs }, () => worker.terminate());
  }

  /** Calls `listener` for captured frames in the page itself; it closes the image where it wants images. */
  watch(
    wants: AnalyserWants,
    listener: (frameId: FrameId, image: FrameImage | undefined) => Promise<void> | void,
  ): () => void {
    const { port1, port2 } = new MessageChannel();
    const requestNext = () => port2.postMessage('next');
    port2.addEventListener('message', ({ data }: MessageEvent<FrameToAnalyser>) => {
      Promise.resolve(listener(data.frameId, data.image)).then(requestNext, (error: unknown) => {
        console.warn('onecast: a captured frame could not be handled:', error);
        requestNext();
      });
    });
    port2.start();
    return this.#add(port1, wants, () => port2.close());
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#track = undefined;
    this.#update();
    this.#upright?.close();
    this.#worker.close();
  }

  #add(port: MessagePort, wants: AnalyserWants, end: () => void): () => void {
    let stopPassing: (() => void) | undefined;
    const stop = () => {
      if (!this.#stops.delete(stop)) return;
      stopPassing?.();
      end();
      this.#update();
    };
    this.#stops.add(stop);
    this.#update();
    void this.#worker.started.then(() => {
      if (this.#stops.has(stop)) stopPassing = this.#pass(port, wants);
    });
    return stop;
  }

  #pass(port: MessagePort, wants: AnalyserWants): () => void {
    if (browserGivesFrames()) return this.#passCaptured(port, wants);
    if (!this.#worker.running) return passPreviewFrames(this.#preview, port, wants);
    const { port1, port2 } = new MessageChannel();
    this.#post({ kind: 'preview', port: port2 }, [port2]);
    const stopPreview = passPreviewFrames(this.#preview, port1, wants);
    const stopSent = this.#passCaptured(port, wants);
    return () => {
      stopPreview();
      stopSent();
    };
  }

  #passCaptured(port: MessagePort, wants: AnalyserWants): () => void {
    const id = (this.#lastAnalyserId += 1);
    this.#post({ kind: 'add-analyser', id, port, wants }, [port]);
    return () => this.#post({ kind: 'remove-analyser', id });
  }

  #update(): void {
    const wanted = this.#isBroadcasting || this.#stops.size > 0 ? this.#track : undefined;
    const Processor = globalThis.MediaStreamTrackProcessor;
    if (wanted === this.#readTrack || !Processor) return;
    this.#readTrack = wanted;
    if (this.#upright?.source !== wanted) {
      this.#upright?.close();
      this.#upright = undefined;
    }
    if (!wanted || wanted.readyState === 'ended') {
      this.#post({ kind: 'camera', frames: undefined });
      return;
    }
    const { readable } = new Processor({ track: wanted, maxBufferSize: BUFFERED_FRAMES });
    this.#post({ kind: 'camera', frames: readable }, [readable]);
  }

  #turn(): void {
    if (!this.#readTrack || this.#upright) return;
    this.#upright = UprightTrack.of(this.#readTrack);
    if (this.#upright) this.onTurned?.();
  }

  #post(message: PageToSendWorker, transfer: Transferable[] = []): void {
    this.#worker.post(message, transfer);
  }
}

function browserGivesFrames(): boolean {
  return globalThis.MediaStreamTrackProcessor !== undefined;
}
