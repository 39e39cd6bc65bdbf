/** Runs tasks one after another, in the order of the calls. A task that fails does not stop the next. */
export class Exclusive {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
