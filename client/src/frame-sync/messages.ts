/** What pages and their frame workers say to each other. */
import type { FrameId, Shape } from '#protocol/overlay.ts';

/** Either worker to its page, once: its script runs. */
export interface WorkerReady {
  readonly kind: 'ready';
}

/** Receiving worker to page: the tag that was taken off a frame. `generation` is its receiver's. */
export interface TagRead {
  readonly kind: 'tag';
  readonly generation: number;
  readonly rtpTimestamp: number;
  readonly number: number | undefined;
  readonly capturedAt: number;
}

export type FromReceiveWorker = WorkerReady | TagRead;

/** Page to sending worker. */
export type ToSendWorker =
  /** The camera's frames from now on; without a stream there are none. */
  | { readonly kind: 'camera'; readonly frames: ReadableStream<VideoFrame> | undefined }
  /** Somebody who looks at captured frames, one at a time: the next comes after the port's answer. */
  | {
      readonly kind: 'analyser';
      readonly id: number;
      readonly port: MessagePort;
      readonly wants: AnalyserWants;
    }
  | { readonly kind: 'forget'; readonly id: number }
  /** Said once, where the browser hands out no captured frames. */
  | { readonly kind: 'uncaptured' }
  /** There: what the preview shows, while nothing better comes. */
  | { readonly kind: 'preview'; readonly port: MessagePort };

export interface AnalyserWants {
  /** Without them: only their names. */
  readonly frames: boolean;
  /** No more often than this. */
  readonly everyMs: number;
}

/** A picture to look at; whoever has it closes it. */
export type Picture = VideoFrame | ImageBitmap;

/** To an analyser. Anything posted back is the answer. */
export interface ToAnalyser {
  readonly picture: Picture | undefined;
  readonly name: FrameId;
}

/** Page to the worker of an overlay source, once. */
export interface ToSourceWorker {
  readonly port: MessagePort;
}

/** A source's worker to its page. */
export interface FromSourceWorker {
  readonly shapes: Shape[];
  readonly name: FrameId;
}
