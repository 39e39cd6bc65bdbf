import type { FrameId } from '#protocol/overlay.ts';
import { FrameWorker } from './frame-worker.ts';
import type {
  AnalyserWants,
  FromSourceWorker,
  Picture,
  ToAnalyser,
  ToSendWorker,
  ToSourceWorker,
  WorkerReady,
} from './messages.ts';
import { passPreviewFrames } from './preview-frames.ts';

/** Not in TypeScript's library; Chromium has it in pages, Safari in workers only. */
declare global {
  var MediaStreamTrackProcessor:
    | (new (init: {
        track: MediaStreamTrack;
        maxBufferSize?: number;
      }) => { readonly readable: ReadableStream<VideoFrame> })
    | undefined;
}

/** Frames that may wait for a busy worker; each that is lost here goes out without a number. */
const BUFFERED_FRAMES = 4;

/**
 * The publisher's side of the tags: numbers what the camera captures, tags what is sent, and shows
 * captured frames to overlay sources. Where the browser does not hand out captured frames, what is sent
 * is numbered instead, and sources see that or, while nothing is sent, the preview.
 */
export class PublisherFrames {
  readonly #preview: HTMLVideoElement;
  readonly #worker: FrameWorker<WorkerReady>;
  readonly #stops = new Set<() => void>();
  #track: MediaStreamTrack | undefined;
  #reading: MediaStreamTrack | undefined;
  #onAir = false;
  #analysers = 0;

  constructor(preview: HTMLVideoElement) {
    this.#preview = preview;
    this.#worker = new FrameWorker(
      () => new Worker(new URL('./send-worker.ts', import.meta.url), { type: 'module' }),
      () => {},
    );
    if (!handsOutFrames()) this.#post({ kind: 'uncaptured' });
  }

  /** The track that is sent, or will be; it stays the caller's. */
  set track(track: MediaStreamTrack | undefined) {
    this.#track = track;
    this.#update();
  }

  /** While on air frames are numbered even if no source looks at them: others may name them. */
  set onAir(onAir: boolean) {
    this.#onAir = onAir;
    this.#update();
  }

  /** Resolves when senders can be attached, or never will be. */
  get started(): Promise<void> {
    return this.#worker.started;
  }

  /** A sender of the track, before its first frame. */
  attach(sender: RTCRtpSender, codec: string | undefined): void {
    this.#worker.attach(sender, codec);
  }

  /**
   * Shows frames to a worker that answers with shapes; `makeWorker`'s script calls `analyseFrames`.
   * Returns what stops it.
   */
  analyse(
    makeWorker: () => Worker,
    everyMs: number,
    listener: (answer: FromSourceWorker) => void,
  ): () => void {
    const worker = makeWorker();
    const { port1, port2 } = new MessageChannel();
    worker.addEventListener('message', ({ data }: MessageEvent<FromSourceWorker>) =>
      listener(data),
    );
    const hello: ToSourceWorker = { port: port2 };
    worker.postMessage(hello, [port2]);
    return this.#add(port1, { frames: true, everyMs }, () => worker.terminate());
  }

  /** Tells the page of each captured frame. `listener` closes the picture where it asked for them. */
  watch(
    wants: AnalyserWants,
    listener: (name: FrameId, picture: Picture | undefined) => Promise<void> | void,
  ): () => void {
    const { port1, port2 } = new MessageChannel();
    const answer = () => port2.postMessage('next');
    port2.addEventListener('message', ({ data }: MessageEvent<ToAnalyser>) => {
      Promise.resolve(listener(data.name, data.picture)).then(answer, (error: unknown) => {
        console.warn('onecast: a frame:', error);
        answer();
      });
    });
    port2.start();
    return this.#add(port1, wants, () => port2.close());
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#track = undefined;
    this.#update();
    this.#worker.close();
  }

  #add(port: MessagePort, wants: AnalyserWants, end: () => void): () => void {
    let stopPassing: (() => void) | undefined;
    const pass = () => {
      if (this.#stops.has(stop)) stopPassing = this.#pass(port, wants);
    };
    const stop = () => {
      if (!this.#stops.delete(stop)) return;
      stopPassing?.();
      end();
      this.#update();
    };
    this.#stops.add(stop);
    this.#update();
    void this.#worker.started.then(pass);
    return stop;
  }

  #pass(port: MessagePort, wants: AnalyserWants): () => void {
    if (handsOutFrames()) return this.#passCaptured(port, wants);
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
    const id = (this.#analysers += 1);
    this.#post({ kind: 'analyser', id, port, wants }, [port]);
    return () => this.#post({ kind: 'forget', id });
  }

  #update(): void {
    const wanted = this.#onAir || this.#stops.size > 0 ? this.#track : undefined;
    const Processor = globalThis.MediaStreamTrackProcessor;
    if (wanted === this.#reading || !Processor) return;
    this.#reading = wanted;
    if (!wanted || wanted.readyState === 'ended') {
      this.#post({ kind: 'camera', frames: undefined });
      return;
    }
    const { readable } = new Processor({ track: wanted, maxBufferSize: BUFFERED_FRAMES });
    this.#post({ kind: 'camera', frames: readable }, [readable]);
  }

  #post(message: ToSendWorker, transfer: Transferable[] = []): void {
    this.#worker.post(message, transfer);
  }
}

function handsOutFrames(): boolean {
  return globalThis.MediaStreamTrackProcessor !== undefined;
}
