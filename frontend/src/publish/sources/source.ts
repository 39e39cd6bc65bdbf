import type { FrameId, Shape } from '#protocol/overlay.ts';
import type { SourceWorkerToPage } from '#client/frame-sync/messages.ts';
import type { KeyedMessage } from '#protocol/overlay-state.ts';
import type { OutgoingOverlayMessage } from '#client/overlay/overlay-sender.ts';

/** One way to make overlay messages on the publish page. Each is a module in sources/. */
export interface OverlaySource {
  readonly id: 'off' | 'demo' | 'motion' | 'note';
  /** Its name in the choice on the page. */
  readonly name: string;
  /** One sentence, shown under the choice. */
  readonly description: string;
  /**
   * Starts to send. Returns a function that stops the source: it clears what the source has drawn,
   * and leaves no timer, listener or worker.
   */
  start(context: OverlaySourceContext): () => void;
}

export interface OverlaySourceContext {
  /**
   * Passes captured frames, at most one per `everyMs`, to a worker whose script calls
   * `analyseFrames`. `listener` gets each result, with the `frameId` that it belongs to.
   * Returns a function that stops this and ends the worker.
   */
  analyse(
    makeWorker: () => Worker,
    everyMs: number,
    listener: (result: SourceWorkerToPage) => void,
  ): () => void;
  /** Calls the listener with the id of each captured frame. Returns a function that stops this. */
  onFrame(listener: (frameId: FrameId) => void): () => void;
  send(message: OutgoingOverlayMessage): void;
  /**
   * Sets one key of the state; `null` as content deletes it. Every viewer gets the state, also one
   * that joins late or reconnects.
   */
  setState(message: KeyedMessage): void;
  /** ms since 1970. */
  now(): number;
  /**
   * Calls the listener with the text that the publisher types (note source): at once with the
   * current text, then on each change. Returns a function that stops this.
   */
  onNote(listener: (text: string) => void): () => void;
}

/** Sends a list of shapes: for `frame`, or without one for the present moment. */
export function sendShapes(
  context: OverlaySourceContext,
  topic: string,
  shapes: Shape[],
  { ttlMs, frame }: { ttlMs: number; frame?: FrameId | undefined },
): void {
  const capturedAt = frame?.capturedAt ?? context.now();
  context.send({ kind: 'shapes', topic, capturedAt, ttlMs, shapes, ...(frame && { frame }) });
}

/** Removes the topic's shapes: the last message of a source. */
export function clearTopic(context: OverlaySourceContext, topic: string): void {
  context.send({ kind: 'shapes', topic, capturedAt: context.now(), shapes: [] });
}

/** Wraps a stop function so that only the first call has an effect. */
export function once(stop: () => void): () => void {
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    stop();
  };
}
