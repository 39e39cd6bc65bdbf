import type { FrameId } from '#protocol/overlay.ts';
import type { AnalyserWants } from '../messages.ts';
import { AnalyserPort } from './analyser-port.ts';

/** More than a page has overlay sources. */
const ANALYSERS_MAX = 4;

/** Reads the camera's frames where the browser gives them, and passes frames to idle analysers. */
export class CapturedFrames {
  readonly #identify: (frame: VideoFrame) => FrameId;
  #analysers: { readonly id: number; readonly port: AnalyserPort }[] = [];
  #reader: ReadableStreamDefaultReader<VideoFrame> | undefined;

  /** `identify` is called once for each frame of the camera, in order. */
  constructor(identify: (frame: VideoFrame) => FrameId) {
    this.#identify = identify;
  }

  /** Whether any analyser needs more than frame ids. */
  get wantsImages(): boolean {
    return this.#analysers.some(({ port }) => port.wants.images);
  }

  /** Reads these frames from now on instead of the ones before. */
  read(frames: ReadableStream<VideoFrame> | undefined): void {
    this.#reader?.cancel().catch(() => undefined);
    this.#reader = frames?.getReader();
    if (this.#reader) this.#run(this.#reader).catch(() => undefined);
  }

  add(id: number, port: MessagePort, wants: AnalyserWants): void {
    this.#analysers.push({ id, port: new AnalyserPort(port, wants) });
    if (this.#analysers.length > ANALYSERS_MAX) this.#analysers.shift()?.port.close();
  }

  remove(id: number): void {
    this.#analysers.find((analyser) => analyser.id === id)?.port.close();
    this.#analysers = this.#analysers.filter((analyser) => analyser.id !== id);
  }

  async #run(reader: ReadableStreamDefaultReader<VideoFrame>): Promise<void> {
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      try {
        if (reader === this.#reader) this.pass(frame, this.#identify(frame));
      } finally {
        // A camera stops when too many of its frames stay open.
        frame.close();
      }
    }
  }

  /** Passes a frame to idle analysers; without a `frame`, to those that only need ids. Closes nothing. */
  pass(frame: VideoFrame | undefined, frameId: FrameId): void {
    const now = performance.now();
    for (const { port } of this.#analysers) {
      const { images } = port.wants;
      if (images && !frame) continue;
      if (port.reserve(now)) port.send(images ? frame?.clone() : undefined, frameId);
    }
  }
}
