import type { OutgoingOverlayMessage } from '../connection/types.ts';

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
  /** The publisher's own preview: its current frame is what goes out. */
  readonly video: HTMLVideoElement;
  send(message: OutgoingOverlayMessage): void;
  /** ms since 1970. */
  now(): number;
  /** The line the publisher types (note source); calls the listener with the current text at once and on each change. */
  onNote(listener: (text: string) => void): () => void;
}
