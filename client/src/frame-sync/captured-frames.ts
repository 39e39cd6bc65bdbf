import type { FrameId } from '#protocol/overlay.ts';
import type { AnalyserWants, Picture, ToAnalyser } from './messages.ts';

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

/** Passes named frames on to analysers that have time; reads them from the camera where it can. */
export class CapturedFrames {
  readonly #name: (frame: VideoFrame) => FrameId;
  readonly #analysers: Analyser[] = [];
  #reader: ReadableStreamDefaultReader<VideoFrame> | undefined;

  constructor(name: (frame: VideoFrame) => FrameId) {
    this.#name = name;
  }

  /** Whether anybody wants more than names. */
  get wantsPictures(): boolean {
    return this.#analysers.some(({ wants }) => wants.frames);
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
        if (reader === this.#reader) this.show(frame, this.#name(frame));
      } finally {
        // A camera stops when too many of its frames are held.
        frame.close();
      }
    }
  }

  /** Without a picture: to those who want names only. The picture stays the caller's. */
  show(frame: VideoFrame | undefined, name: FrameId): void {
    const now = performance.now();
    for (const analyser of this.#analysers) {
      const { port, wants } = analyser;
      if (!analyser.idle || now - analyser.lastAt < wants.everyMs) continue;
      if (wants.frames && !frame) continue;
      analyser.idle = false;
      analyser.lastAt = now;
      const picture: Picture | undefined = wants.frames ? frame?.clone() : undefined;
      const message: ToAnalyser = { picture, name };
      port.postMessage(message, picture ? [picture] : []);
    }
  }
}
