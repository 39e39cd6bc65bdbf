/**
 * Lets entrants of one media worker in some at a time, in the order in which they came. All at once
 * would share what the worker and this process can do, and each would wait as long as the last.
 * The queue is as long as there are sessions waiting, which are bounded themselves.
 */
export class Admission {
  readonly #atOnce: number;
  readonly #patienceMs: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  /** Who takes longer than `patienceMs` goes on, and the next is let in: another worker may hang. */
  constructor(atOnce: number, patienceMs: number) {
    this.#atOnce = atOnce;
    this.#patienceMs = patienceMs;
  }

  /** Entrants that have not been let in yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(enter: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#atOnce) this.#inside += 1;
    else await new Promise<void>((letIn) => this.#waiting.push(letIn));
    const place = { taken: true };
    const leave = () => {
      if (place.taken) this.#next();
      place.taken = false;
    };
    const late = setTimeout(leave, this.#patienceMs);
    try {
      return await enter();
    } finally {
      clearTimeout(late);
      leave();
    }
  }

  /** A place is free: it goes to who comes next. */
  #next(): void {
    const letIn = this.#waiting.shift();
    if (letIn) letIn();
    else this.#inside -= 1;
  }
}
