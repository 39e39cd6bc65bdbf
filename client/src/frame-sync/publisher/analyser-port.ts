/** The port over which an analyser gets captured frames, one at a time: both of its ends. */
import type { FrameId } from '#protocol/overlay.ts';
import type {
  AnalyserWants,
  FrameImage,
  FrameToAnalyser,
  PageToSourceWorker,
  SourceWorkerToPage,
} from '../messages.ts';

/** The end that frames go into. */
export class AnalyserPort {
  readonly wants: AnalyserWants;
  readonly #port: MessagePort;
  #isIdle = true;
  #lastAt = -Infinity;

  constructor(port: MessagePort, wants: AnalyserWants) {
    this.#port = port;
    this.wants = wants;
    port.addEventListener('message', () => {
      this.#isIdle = true;
    });
    port.start();
  }

  /** Reserves the analyser for a frame: false while it analyses one, or before `everyMs` has passed. */
  reserve(now: number): boolean {
    if (!this.#isIdle || now - this.#lastAt < this.wants.everyMs) return false;
    this.#isIdle = false;
    this.#lastAt = now;
    return true;
  }

  /** There is no frame after all: the next one may be reserved. */
  release(): void {
    this.#isIdle = true;
  }

  /** Sends the frame that the analyser was reserved for; the image now belongs to the analyser. */
  send(image: FrameImage | undefined, frameId: FrameId): void {
    const message: FrameToAnalyser = { image, frameId };
    this.#port.postMessage(message, image ? [image] : []);
  }

  close(): void {
    this.#port.close();
  }
}

/**
 * Call it in the worker of an overlay source: `analyse` gets one captured frame at a time and returns
 * the shapes to draw on that exact frame, or nothing. Frames that come in the meantime are left out.
 * The image is closed afterwards.
 */
export function analyseFrames(
  analyse: (image: FrameImage) => Shapes | undefined | Promise<Shapes | undefined>,
): void {
  addEventListener('message', ({ data: { port } }: MessageEvent<PageToSourceWorker>) => {
    const run = async ({ image, frameId }: FrameToAnalyser) => {
      try {
        const shapes = image && (await analyse(image));
        const answer: SourceWorkerToPage | undefined = shapes && { shapes, frameId };
        if (answer) postMessage(answer);
      } catch (error) {
        console.warn('onecast: a frame could not be analysed:', error);
      } finally {
        image?.close();
        port.postMessage('next');
      }
    };
    port.addEventListener('message', ({ data }: MessageEvent<FrameToAnalyser>) => void run(data));
    port.start();
  });
}

type Shapes = SourceWorkerToPage['shapes'];

/** Width and height in pixels. */
export function sizeOf(image: FrameImage): { width: number; height: number } {
  return 'displayWidth' in image
    ? { width: image.displayWidth, height: image.displayHeight }
    : image;
}
