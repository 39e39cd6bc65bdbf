import type { OverlayMessage } from '#protocol/overlay.ts';
import type { KeyedMessage, StateEntry } from '#protocol/overlay-state.ts';
import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { OutgoingOverlayMessage } from '#client/overlay/overlay-sender.ts';
import type { PublisherFrames } from '#client/frame-sync/publisher/publisher-frames.ts';
import type { OverlaySource, OverlaySourceContext } from './sources/source.ts';

export interface OverlayControlOptions {
  readonly sources: readonly OverlaySource[];
  readonly frames: Pick<PublisherFrames, 'analyse' | 'watch'>;
  /** To the viewers. */
  readonly send: (message: OutgoingOverlayMessage) => void;
  /** To the viewers, and kept for viewers that join later. */
  readonly setState: (message: KeyedMessage) => void;
  /** To the publisher's own preview. */
  readonly preview: (message: OverlayMessage) => void;
  readonly previewState: (entry: StateEntry) => void;
}

/** Runs the chosen overlay source and passes each message to the viewers and to the preview. */
export class OverlayControl {
  readonly #options: OverlayControlOptions;
  readonly #chosen = signal<OverlaySource['id']>('off');
  readonly #note = signal('');
  /** The newest message of each topic, to be sent again to a broadcast that lacks it. */
  readonly #latest = new Map<
    string,
    { readonly message: OutgoingOverlayMessage; readonly sentAt: number }
  >();
  #stop: (() => void) | undefined;
  #seq = 0;

  constructor(options: OverlayControlOptions) {
    this.#options = options;
  }

  get chosen(): ReadonlySignal<OverlaySource['id']> {
    return this.#chosen;
  }

  get note(): ReadonlySignal<string> {
    return this.#note;
  }

  setNote(text: string): void {
    this.#note.value = text;
  }

  /** Starts the source with this id in place of the current one. An unknown id means none. */
  choose(id: string): void {
    this.#stop?.();
    this.#stop = undefined;
    const source = this.#options.sources.find((candidate) => candidate.id === id);
    this.#chosen.value = source?.id ?? 'off';
    try {
      this.#stop = source?.start(this.#context());
    } catch (error) {
      // The video does not depend on the overlay.
      console.error('onecast: starting the overlay:', error);
      this.#chosen.value = 'off';
    }
  }

  /** Sends the newest messages that have not expired again: a broadcast that just began has none. */
  sendAgain(): void {
    // Not by `capturedAt`: the clock of this machine may have been set since.
    const now = performance.now();
    for (const [topic, { message, sentAt }] of this.#latest) {
      const over = message.ttlMs !== undefined && sentAt + message.ttlMs < now;
      if (over) this.#latest.delete(topic);
      else this.#options.send(message);
    }
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #context(): OverlaySourceContext {
    return {
      analyse: (makeWorker, everyMs, listener) =>
        this.#options.frames.analyse(makeWorker, everyMs, listener),
      onFrame: (listener) =>
        this.#options.frames.watch({ images: false, everyMs: 0 }, (frameId) => listener(frameId)),
      send: (message) => this.#send(message),
      setState: (message) => {
        this.#options.previewState({ ...message, from: 'page' });
        this.#options.setState(message);
      },
      now: () => Date.now(),
      onNote: (listener) => this.#note.subscribe(listener),
    };
  }

  #send(message: OutgoingOverlayMessage): void {
    this.#latest.set(message.topic, { message, sentAt: performance.now() });
    this.#seq += 1;
    this.#options.preview({ ...message, seq: this.#seq });
    this.#options.send(message);
  }
}
