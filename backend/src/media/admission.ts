/**
 * Lets entrants of one media worker in some at a time, in the order in which they came. All at once
 * would share what the worker and this process can do, and each would wait as long as the last.
 * The queue is as long as there are sessions waiting, which are bounded themselves.
 */
export class Admission {
  readonly #atOnce: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Entrants that have not been let in yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(enter: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#atOnce) this.#inside += 1;
    else await new Promise<void>((letIn) => this.#waiting.push(letIn));
    try {
      return await enter();
    } finally {
      // The place goes to who comes next.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside -= 1;
    }
  }
}
