/**
 * A map that never holds more than `max` entries. Setting a key makes it the newest; when there are
 * too many, the entry that was set longest ago goes. Iterates from oldest to newest.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number;

  /** @param max entries, 1 or more */
  constructor(max: number) {
    super();
    this.#max = max;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#max) {
      const oldest = this.keys().next();
      if (!oldest.done) this.delete(oldest.value);
    }
    return this;
  }
}
