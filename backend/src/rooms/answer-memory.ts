import { BoundedMap } from '#protocol/bounded-map.ts';
import type { Result } from '#protocol/result.ts';

/**
 * `requestId -> answer`, so that a request that is repeated after a lost ack is not carried out
 * twice. An answer may hold a secret that is stored nowhere else, so a timer deletes answers that are
 * too old, even if no further request comes.
 */
export class AnswerMemory {
  readonly #answers: BoundedMap<string, { at: number; answer: Promise<Result<unknown>> }>;
  readonly #maxAgeMs: number;
  #sweep: NodeJS.Timeout | undefined;

  constructor(maxAgeMs: number, max: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#answers = new BoundedMap(max);
  }

  /** Returns the earlier answer to this request, even if it is still pending; else calls `handle`. */
  once(requestId: string, handle: () => Promise<Result<unknown>>): Promise<Result<unknown>> {
    this.#deleteOld();
    const earlier = this.#answers.get(requestId);
    if (earlier) return earlier.answer;
    const answer = handle();
    this.#answers.set(requestId, { at: performance.now(), answer });
    this.#sweepLater();
    return answer;
  }

  /** How many answers are held. */
  get size(): number {
    return this.#answers.size;
  }

  #deleteOld(): void {
    const now = performance.now();
    for (const [id, { at }] of this.#answers) {
      if (now - at < this.#maxAgeMs) break;
      this.#answers.delete(id);
    }
  }

  /** One timer at a time, and none while no answer is held, so there is nothing to close. */
  #sweepLater(): void {
    if (this.#sweep || this.#answers.size === 0) return;
    this.#sweep = setTimeout(() => {
      this.#sweep = undefined;
      this.#deleteOld();
      this.#sweepLater();
    }, this.#maxAgeMs);
    this.#sweep.unref();
  }
}
