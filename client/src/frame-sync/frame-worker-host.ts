/** The page's side of RTCRtpScriptTransform; encoded-frames.ts is the worker's side. */

/** A worker that has not started by then is given up: sending or receiving video waits for it. */
const START_DEADLINE_MS = 1_000;

/**
 * A worker for encoded frames. Senders and receivers get a transform only once the worker runs: with
 * a worker that never starts, no frame would get through.
 */
export class FrameWorker<Message extends { readonly kind: string }> {
  /** Resolves when the worker runs, or when it has failed or missed the deadline. */
  readonly started: Promise<void>;
  readonly #worker: Worker | undefined;
  #running = false;

  /** `listener` gets every message of the worker except `ready`. */
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

  /** Whether `attach` puts a transform on anything. */
  get running(): boolean {
    return this.#running && typeof RTCRtpScriptTransform !== 'undefined';
  }

  post(message: unknown, transfer: Transferable[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  /**
   * Puts a transform on a sender or receiver that has no frames yet: Chromium ignores a transform
   * that is set after the first frames.
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
