import {
  OVERLAY_MAX_BYTES,
  OVERLAY_MAX_TOPICS,
  type DataMessage,
  type OverlayMessage,
} from '#protocol/overlay.ts';
import { signal, type ReadonlySignal } from '@preact/signals-core';

export interface TopicData {
  readonly topic: string;
  /** For people: indented, unless that would blow it up. */
  readonly json: string;
  /** ms since 1970, this page's clock. */
  readonly receivedAt: number;
}

/** A long list deep inside would be mostly indentation. */
const maxJsonLength = 4 * OVERLAY_MAX_BYTES;

/** The newest JSON of each topic that is not drawn, for the panel beside the picture. */
export class LatestData {
  readonly #topics = signal<readonly TopicData[]>([]);
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** By name, so that the panel's rows keep their places. */
  get topics(): ReadonlySignal<readonly TopicData[]> {
    return this.#topics;
  }

  /** Takes messages of kind `data` and ignores the others. */
  apply(message: OverlayMessage): void {
    if (message.kind !== 'data') return;
    const entry: TopicData = {
      topic: message.topic,
      json: readableJson(message.data),
      receivedAt: this.#now(),
    };
    let others = this.#topics.value.filter(({ topic }) => topic !== entry.topic);
    if (others.length >= OVERLAY_MAX_TOPICS) {
      const oldest = others.reduce((a, b) => (b.receivedAt < a.receivedAt ? b : a));
      others = others.filter((other) => other !== oldest);
    }
    this.#topics.value = [...others, entry].sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  reset(): void {
    if (this.#topics.value.length > 0) this.#topics.value = [];
  }
}

function readableJson(data: DataMessage['data']): string {
  const indented = JSON.stringify(data, null, 2);
  return indented.length <= maxJsonLength ? indented : JSON.stringify(data);
}
