import type { PageToUprightWorker } from '../messages.ts';

/** Not in TypeScript's library; Chromium only. */
declare global {
  var MediaStreamTrackGenerator:
    | (new (init: {
        kind: 'video';
      }) => MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> })
    | undefined;
}

/**
 * A camera's track with its frames turned upright. Chromium drops frames with an angle where the angle
 * can't be sent next to them (`HEADER_EXTENSIONS` in config/media.ts); other browsers turn them. It
 * costs a copy of each frame, so it is used only for a camera that has given such a frame.
 */
export class UprightTrack {
  readonly source: MediaStreamTrack;
  readonly track: MediaStreamTrack;
  readonly #worker: Worker;

  private constructor(
    source: MediaStreamTrack,
    track: MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> },
    frames: ReadableStream<VideoFrame>,
  ) {
    this.source = source;
    this.track = track;
    // The sender chooses its layers by the camera's size.
    const own = track.getSettings.bind(track);
    track.getSettings = () => ({ ...own(), ...source.getSettings() });
    this.#worker = new Worker(new URL('./upright-worker.ts', import.meta.url), { type: 'module' });
    const message: PageToUprightWorker = { frames, to: track.writable };
    this.#worker.postMessage(message, [frames, track.writable]);
  }

  /** Undefined where the browser can't do it. */
  static of(source: MediaStreamTrack): UprightTrack | undefined {
    const { MediaStreamTrackProcessor: Processor, MediaStreamTrackGenerator: Generator } =
      globalThis;
    if (!Processor || !Generator || source.readyState === 'ended') return undefined;
    const { readable } = new Processor({ track: source });
    return new UprightTrack(source, new Generator({ kind: 'video' }), readable);
  }

  /** Idempotent. The source stays its owner's. */
  close(): void {
    this.track.stop();
    this.#worker.terminate();
  }
}
