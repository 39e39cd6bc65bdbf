import type { FrameId } from '#protocol/overlay.ts';
import type { FromSourceWorker } from '#client/frame-sync/messages.ts';
import type { KeyedMessage } from '#protocol/overlay-state.ts';
import type { OutgoingOverlayMessage } from '#client/overlay/overlay-sender.ts';

/** One way to make overlay messages on the publish page. Each is a module of its own in sources/. */
export interface OverlaySource {
  readonly id: 'off' | 'demo' | 'motion' | 'note';
  /** What stands in the choice on the page. */
  readonly name: string;
  /** One sentence under the choice. */
  readonly description: string;
  /** Begins to call `send`; returns what stops it, clears its topic on the picture and leaves no timer behind. */
  start(context: OverlaySourceContext): () => void;
}

export interface OverlaySourceContext {
  /**
   * Shows captured frames to a worker whose script calls `analyseFrames`, at most one in `everyMs`;
   * what it answers belongs on the frame `name`. Returns what stops it and ends the worker.
   */
  analyse(
    makeWorker: () => Worker,
    everyMs: number,
    listener: (answer: FromSourceWorker) => void,
  ): () => void;
  /** Tells the name of each captured frame. Returns what stops it. */
  onFrame(listener: (name: FrameId) => void): () => void;
  send(message: OutgoingOverlayMessage): void;
  /** Sets one key of the state, which every viewer ends with, whoever loses a line or comes late; `null` for its content deletes. */
  setState(message: KeyedMessage): void;
  /** ms since 1970. */
  now(): number;
  /** The line the publisher types (note source); calls the listener with the current text at once and on each change. */
  onNote(listener: (text: string) => void): () => void;
}
