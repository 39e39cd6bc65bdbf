import type { LatestData } from '#client/overlay/latest-data.ts';
import { make, setText } from '../ui/elements.ts';

type Topics = LatestData['topics']['value'];

const EVERY_MS = 250;

interface TopicView {
  readonly root: HTMLElement;
  readonly age: HTMLElement;
  readonly json: HTMLElement;
}

/**
 * Shows the newest JSON of each topic while the panel is open. It is redrawn four times a second,
 * however fast the data arrives: nobody reads faster, and the video needs the main thread more.
 */
export class DataPanel {
  readonly #latest: LatestData;
  readonly #list: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #views = new Map<string, TopicView>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(latest: LatestData, list: HTMLElement, empty: HTMLElement) {
    this.#latest = latest;
    this.#list = list;
    this.#empty = empty;
  }

  set open(open: boolean) {
    clearInterval(this.#timer);
    if (!open) return;
    this.#draw();
    this.#timer = setInterval(() => this.#draw(), EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #draw(): void {
    const topics = this.#latest.topics.value;
    this.#empty.hidden = topics.length > 0;
    this.#dropMissing(topics);
    const now = performance.now();
    for (const { id, name, json, receivedAt } of topics) {
      const view = this.#view(id, name);
      setText(view.json, json);
      setText(view.age, age(now - receivedAt));
    }
  }

  #dropMissing(topics: Topics): void {
    const present = new Set(topics.map(({ id }) => id));
    for (const [id, view] of this.#views) {
      if (present.has(id)) continue;
      view.root.remove();
      this.#views.delete(id);
    }
  }

  #view(id: string, name: string): TopicView {
    const known = this.#views.get(id);
    if (known) return known;
    const head = make('div', { className: 'topic-head' });
    const view: TopicView = {
      root: make('article', { className: 'topic' }),
      age: make('span', { className: 'topic-age' }),
      json: make('pre'),
    };
    // A long payload scrolls, so the keyboard has to be able to focus it.
    view.json.tabIndex = 0;
    view.json.dir = 'auto';
    view.json.setAttribute('aria-label', `Newest data of ${name}`);
    view.json.setAttribute('role', 'region');
    head.append(make('h3', { text: name }), view.age);
    view.root.append(head, view.json);
    this.#list.append(view.root);
    this.#views.set(id, view);
    return view;
  }
}

function age(ms: number): string {
  if (ms < 1500) return 'just now';
  const seconds = Math.round(ms / 1000);
  return seconds < 90 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}
