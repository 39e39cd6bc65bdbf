import type { FrameName } from '#protocol/overlay.ts';
import type { AnalyserWants, ToAnalyser } from './messages.ts';

/** More than sources there are on a page. */
const ANALYSERS_MAX = 4;

interface Analyser {
  readonly id: number;
  readonly port: MessagePort;
  readonly wants: AnalyserWants;
  /** Nothing is with it now. */
  idle: boolean;
  lastAt: number;
}

/** Reads the camera's frames, names each, and passes them on to analysers that have time. */
export class CapturedFrames {
  readonly #name: (frame: VideoFrame) => FrameName;
  readonly #analysers: Analyser[] = [];
  #reader: ReadableStreamDefaultReader<VideoFrame> | undefined;

  constructor(name: (frame: VideoFrame) => FrameName) {
    this.#name = name;
  }

  /** The frames from now on; those before end. */
  read(frames: ReadableStream<VideoFrame> | undefined): void {
    this.#reader?.cancel().catch(() => undefined);
    this.#reader = frames?.getReader();
    if (this.#reader) this.#run(this.#reader).catch(() => undefined);
  }

  add(id: number, port: MessagePort, wants: AnalyserWants): void {
    const analyser: Analyser = { id, port, wants, idle: true, lastAt: -Infinity };
    port.addEventListener('message', () => {
      analyser.idle = true;
    });
    port.start();
    this.#analysers.push(analyser);
    if (this.#analysers.length > ANALYSERS_MAX) this.#analysers.shift()?.port.close();
  }

  forget(id: number): void {
    const at = this.#analysers.findIndex((analyser) => analyser.id === id);
    if (at >= 0) this.#analysers.splice(at, 1)[0]?.port.close();
  }

  async #run(reader: ReadableStreamDefaultReader<VideoFrame>): Promise<void> {
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      try {
        if (reader === this.#reader) this.#pass(frame);
      } finally {
        // A camera stops when too many of its frames are held.
        frame.close();
      }
    }
  }

  #pass(frame: VideoFrame): void {
    const name = this.#name(frame);
    const now = performance.now();
    for (const analyser of this.#analysers) {
      const { port, wants } = analyser;
      if (!analyser.idle || now - analyser.lastAt < wants.everyMs) continue;
      analyser.idle = false;
      analyser.lastAt = now;
      const picture = wants.frames ? frame.clone() : undefined;
      const message: ToAnalyser = { picture, name };
      port.postMessage(message, picture ? [picture] : []);
    }
  }
}
