/** A worker that does not run by then never will, and the picture waits for it. */
const START_DEADLINE_MS = 1_000;

/**
 * A worker for encoded frames. Transforms are made only with one that runs: with one that never does,
 * no frame would get through.
 */
export class FrameWorker<Message extends { readonly kind: string }> {
  /** Resolves when it runs, or when it is known that it will not. */
  readonly started: Promise<void>;
  readonly #worker: Worker | undefined;
  #running = false;

  constructor(make: () => Worker, listener: (message: Message) => void) {
    this.#worker = attempt(make);
    const worker = this.#worker;
    if (!worker) {
      this.started = Promise.resolve();
      return;
    }
    this.started = new Promise((resolve) => {
      const timer = setTimeout(resolve, START_DEADLINE_MS);
      const settle = (running: boolean) => {
        this.#running ||= running;
        clearTimeout(timer);
        resolve();
      };
      worker.addEventListener('message', ({ data }: MessageEvent<Message>) => {
        if (data.kind === 'ready') settle(true);
        else listener(data);
      });
      worker.addEventListener('error', () => settle(false));
    });
  }

  /** Whether transforms can be put on anything. */
  get running(): boolean {
    return this.#running && typeof RTCRtpScriptTransform !== 'undefined';
  }

  post(message: unknown, transfer: Transferable[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  /**
   * Puts a transform on a sender or receiver. It must be a new one: Chromium leaves out a transform
   * that comes after the first frames.
   */
  attach(end: RTCRtpSender | RTCRtpReceiver, options: unknown): void {
    const worker = this.#worker;
    if (!worker || !this.running) return;
    end.transform = new RTCRtpScriptTransform(worker, options);
  }

  close(): void {
    this.#worker?.terminate();
  }
}

function attempt(make: () => Worker): Worker | undefined {
  try {
    return make();
  } catch (error) {
    console.warn('onecast: frames are not tagged:', error);
    return undefined;
  }
}
