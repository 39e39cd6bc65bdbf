import {
  OVERLAY_MAX_BYTES,
  OVERLAY_MAX_TOPICS,
  type DataMessage,
  type OverlayMessage,
} from '#protocol/overlay.ts';
import { stateKeyId, type StateEntry } from '#protocol/overlay-state.ts';
import { signal, type ReadonlySignal } from '@preact/signals-core';

export interface TopicData {
  /** Tells one from the other. */
  readonly slot: string;
  /** What people read: the topic, and the key where there is one. */
  readonly name: string;
  /** State of a key: it stands, however old it is. */
  readonly kept: boolean;
  /** For people: indented, unless that would blow it up. */
  readonly json: string;
  /** ms since 1970, this page's clock. */
  readonly receivedAt: number;
}

/** A long list deep inside would be mostly indentation. */
const maxJsonLength = 4 * OVERLAY_MAX_BYTES;

/** The newest JSON of each topic and key that is not drawn, for the panel beside the picture. */
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
    const { topic } = message;
    let others = this.#others(topic);
    const passing = others.filter(({ kept }) => !kept);
    if (passing.length >= OVERLAY_MAX_TOPICS) {
      const oldest = passing.reduce((a, b) => (b.receivedAt < a.receivedAt ? b : a));
      others = others.filter((other) => other !== oldest);
    }
    this.#show([...others, this.#entry(topic, topic, message.data, false)]);
  }

  /** One key of the state; of kind `data`, others are ignored. */
  set(entry: StateEntry): void {
    if (entry.kind !== 'data') return;
    const slot = stateKeyId(entry);
    const others = this.#others(slot);
    if (entry.data === null) this.#show(others);
    else
      this.#show([...others, this.#entry(slot, `${entry.topic} / ${entry.key}`, entry.data, true)]);
  }

  reset(): void {
    if (this.#topics.value.length > 0) this.#topics.value = [];
  }

  #others(slot: string): TopicData[] {
    return this.#topics.value.filter((other) => other.slot !== slot);
  }

  #entry(slot: string, name: string, data: unknown, kept: boolean): TopicData {
    return { slot, name, kept, json: readableJson(data), receivedAt: this.#now() };
  }

  #show(topics: TopicData[]): void {
    this.#topics.value = topics.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

function readableJson(data: DataMessage['data']): string {
  const indented = JSON.stringify(data, null, 2);
  return indented.length <= maxJsonLength ? indented : JSON.stringify(data);
}
