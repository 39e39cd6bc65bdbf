import type { Result } from '#protocol/result.ts';

/**
 * `requestId -> answer`, so that a request repeated after a lost ack is not carried out twice. An
 * answer may hold a secret that is kept nowhere else, so none outstays its time, asked for or not.
 */
export class AnswerMemory {
  readonly #answers = new Map<string, { at: number; answer: Promise<Result<unknown>> }>();
  readonly #maxAgeMs: number;
  readonly #max: number;
  #sweep: NodeJS.Timeout | undefined;

  constructor(maxAgeMs: number, max: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#max = max;
  }

  /** The earlier answer to this request, under way or done; else that of `handle`. */
  once(requestId: string, handle: () => Promise<Result<unknown>>): Promise<Result<unknown>> {
    this.#forget();
    const known = this.#answers.get(requestId);
    if (known) return known.answer;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size >= this.#max) this.#answers.delete(oldest);
    const answer = handle();
    this.#answers.set(requestId, { at: performance.now(), answer });
    this.#sweepLater();
    return answer;
  }

  /** How many answers are held. */
  get size(): number {
    return this.#answers.size;
  }

  #forget(): void {
    const now = performance.now();
    for (const [id, { at }] of this.#answers) {
      if (now - at < this.#maxAgeMs) break;
      this.#answers.delete(id);
    }
  }

  /** One timer at a time, and none once nothing is held: it needs no closing. */
  #sweepLater(): void {
    if (this.#sweep || this.#answers.size === 0) return;
    this.#sweep = setTimeout(() => {
      this.#sweep = undefined;
      this.#forget();
      this.#sweepLater();
    }, this.#maxAgeMs);
    this.#sweep.unref();
  }
}
