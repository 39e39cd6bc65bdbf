import { BoundedMap } from '#protocol/bounded-map.ts';
import {
  OVERLAY_MAX_BYTES,
  OVERLAY_MAX_TOPICS,
  type DataMessage,
  type OverlayMessage,
} from '#protocol/overlay.ts';
import { stateKeyId, type StateEntry } from '#protocol/overlay-state.ts';
import { signal, type ReadonlySignal } from '@preact/signals-core';

export interface TopicData {
  /** Unique among all topics and keys. */
  readonly id: string;
  /** For people: the topic, and the key where there is one. */
  readonly name: string;
  /** For people: indented, unless that makes it far too long. */
  readonly json: string;
  /** ms of `performance.now()`, which goes on evenly when the machine's clock is set. */
  readonly receivedAt: number;
}

/** A long list deep inside would be mostly indentation. */
const JSON_MAX_LENGTH = 4 * OVERLAY_MAX_BYTES;

/** The newest JSON of each topic and key that is not drawn, for the panel next to the video. */
export class LatestData {
  readonly #now: () => number;
  /** The newest message of each topic. */
  readonly #passing = new BoundedMap<string, TopicData>(OVERLAY_MAX_TOPICS);
  /** Keyed state: bounded by the server, and kept until a key is deleted. */
  readonly #state = new Map<string, TopicData>();
  readonly #topics = signal<readonly TopicData[]>([]);

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Sorted by name, so that the panel's rows keep their places. */
  get topics(): ReadonlySignal<readonly TopicData[]> {
    return this.#topics;
  }

  /** One message without a key; only those of kind `data` matter here. */
  apply(message: OverlayMessage): void {
    if (message.kind !== 'data') return;
    const { topic, data } = message;
    this.#passing.set(topic, this.#entry(topic, topic, data));
    this.#update();
  }

  /** One key of the state; only those of kind `data` matter here. */
  set(entry: StateEntry): void {
    if (entry.kind !== 'data') return;
    const id = stateKeyId(entry);
    if (entry.data === null) this.#state.delete(id);
    else this.#state.set(id, this.#entry(id, `${entry.topic} / ${entry.key}`, entry.data));
    this.#update();
  }

  reset(): void {
    this.#passing.clear();
    this.#state.clear();
    if (this.#topics.value.length > 0) this.#topics.value = [];
  }

  #entry(id: string, name: string, data: unknown): TopicData {
    return { id, name, json: readableJson(data), receivedAt: this.#now() };
  }

  #update(): void {
    const all = [...this.#passing.values(), ...this.#state.values()];
    this.#topics.value = all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

function readableJson(data: DataMessage['data']): string {
  const indented = JSON.stringify(data, null, 2);
  return indented.length <= JSON_MAX_LENGTH ? indented : JSON.stringify(data);
}
