/** Messages between pages and their workers, named by direction. */
import type { FrameId, Shape } from '#protocol/overlay.ts';

/** The worker's script runs; sent once. */
interface WorkerReady {
  readonly kind: 'ready';
}

export type SendWorkerToPage =
  | WorkerReady
  /** The camera gives frames with an angle; posted once for each camera. */
  | { readonly kind: 'turned' };

/** The camera's frames, and where to write them with their pixels turned upright. */
export interface PageToUprightWorker {
  readonly frames: ReadableStream<VideoFrame>;
  readonly to: WritableStream<VideoFrame>;
}

export type ReceiveWorkerToPage =
  | WorkerReady
  /** The tag of a received frame. `generation` is the one that the receiver was attached with. */
  | {
      readonly kind: 'tag';
      readonly generation: number;
      readonly rtpTimestamp: number;
      readonly number: number | undefined;
      readonly capturedAt: number;
    };

export type PageToSendWorker =
  /** The camera's frames from now on; none without a stream. */
  | { readonly kind: 'camera'; readonly frames: ReadableStream<VideoFrame> | undefined }
  | {
      readonly kind: 'add-analyser';
      readonly id: number;
      /** Frames go over it as `FrameToAnalyser`. */
      readonly port: MessagePort;
      readonly wants: AnalyserWants;
    }
  | { readonly kind: 'remove-analyser'; readonly id: number }
  /** The browser gives no captured frames: number the sent ones. Posted once, before any other. */
  | { readonly kind: 'number-sent-frames' }
  /** For such a browser: a port that brings the preview's frames as `FrameToAnalyser`. */
  | { readonly kind: 'preview'; readonly port: MessagePort };

export interface AnalyserWants {
  /** False: only frame ids. */
  readonly images: boolean;
  /** At most one frame in so many ms. */
  readonly everyMs: number;
}

/** The content of a frame; its receiver closes it. */
export type FrameImage = VideoFrame | ImageBitmap;

/** One frame for an analyser. The next frame comes after the analyser has posted anything back. */
export interface FrameToAnalyser {
  readonly image: FrameImage | undefined;
  readonly frameId: FrameId;
}

/** To the worker of an overlay source, once: the port that brings `FrameToAnalyser`. */
export interface PageToSourceWorker {
  readonly port: MessagePort;
}

/** The shapes to draw on the frame `frameId`. */
export interface SourceWorkerToPage {
  readonly shapes: Shape[];
  readonly frameId: FrameId;
}
