import { computed, type ReadonlySignal, signal } from '@preact/signals-core';
import type { KeyedMessage } from '#protocol/overlay-state.ts';
import type { RoomView } from '#protocol/signalling.ts';
import { type OutgoingOverlayMessage, OverlaySender } from '../overlay/overlay-sender.ts';
import { ActiveBroadcast } from './active-broadcast.ts';
import type { Diagnosis, Limitation } from './diagnosis-words.ts';
import { collectDiagnostics } from './diagnostics.ts';
import { installPageConsole } from './page-console.ts';
import { ConnectionTrace } from './trace.ts';
import type {
  Diagnostics,
  Failure,
  PublisherConnection,
  PublisherMedia,
  PublisherOptions,
  PublisherStatus,
} from './types.ts';

export function createPublisher(options: PublisherOptions): PublisherConnection {
  return new Publisher(options);
}

/** A page that publishes: one broadcast after another. */
class Publisher implements PublisherConnection {
  readonly status: ReadonlySignal<PublisherStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  readonly diagnosis: ReadonlySignal<Diagnosis | undefined>;
  readonly limitation: ReadonlySignal<Limitation | undefined>;
  readonly room: ReadonlySignal<RoomView | undefined>;
  readonly #options: PublisherOptions;
  /** The present broadcast, or the one that was taken over or failed. */
  readonly #broadcast = signal<ActiveBroadcast | undefined>(undefined);
  /** Outlives broadcasts: a key that a source has set stays until the source deletes it. */
  readonly #overlay = new OverlaySender();
  /** Outlives broadcasts: the trace of the last one may explain why it ended. */
  readonly #trace = new ConnectionTrace();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.status = computed(() => this.#broadcast.value?.status.value ?? 'idle');
    this.failure = computed(() => this.#broadcast.value?.failure.value);
    this.diagnosis = computed(() => this.#broadcast.value?.diagnosis.value);
    this.limitation = computed(() => this.#broadcast.value?.limitation.value);
    this.room = computed(() => this.#broadcast.value?.room.value);
    installPageConsole({
      trace: () => this.#trace.transitions(),
      diagnostics: () => this.diagnostics(),
      faults: () => this.#broadcast.value?.faults ?? {},
      overlayState: () => this.#overlay.state(),
    });
  }

  start(media: PublisherMedia): void {
    this.#broadcast.value?.close();
    this.#broadcast.value = new ActiveBroadcast(this.#options, media, this.#overlay, this.#trace);
  }

  setVideo(track: MediaStreamTrack | undefined): void {
    this.#broadcast.value?.setVideo(track);
  }

  setAudio(track: MediaStreamTrack | undefined): void {
    this.#broadcast.value?.setAudio(track);
  }

  sendOverlay(message: OutgoingOverlayMessage): boolean {
    return this.#overlay.send(message);
  }

  setOverlayState(message: KeyedMessage): boolean {
    return this.#overlay.setState(message);
  }

  async stop(): Promise<void> {
    const broadcast = this.#broadcast.value;
    this.#broadcast.value = undefined;
    await broadcast?.end();
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    return this.#broadcast.value?.getStats();
  }

  async diagnostics(): Promise<Diagnostics> {
    const { room } = this.#options;
    const sessionId = this.#broadcast.peek()?.sessionId;
    return collectDiagnostics({ role: 'publisher', room, sessionId }, this, this.#trace);
  }

  close(): void {
    this.#broadcast.value?.close();
    this.#broadcast.value = undefined;
  }
}
