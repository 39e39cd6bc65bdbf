import type { Result } from '../protocol/result.ts';

/** `requestId -> answer`, so that a request repeated after a lost ack is not carried out twice. */
export class AnswerMemory {
  readonly #answers = new Map<string, { at: number; answer: Promise<Result<unknown>> }>();
  readonly #maxAgeMs: number;
  readonly #max: number;

  constructor(maxAgeMs: number, max: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#max = max;
  }

  /** The earlier answer to this request, under way or done; else that of `handle`. */
  once(requestId: string, handle: () => Promise<Result<unknown>>): Promise<Result<unknown>> {
    const now = performance.now();
    for (const [id, { at }] of this.#answers) {
      if (now - at < this.#maxAgeMs) break;
      this.#answers.delete(id);
    }
    const known = this.#answers.get(requestId);
    if (known) return known.answer;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined && this.#answers.size >= this.#max) this.#answers.delete(oldest);
    const answer = handle();
    this.#answers.set(requestId, { at: now, answer });
    return answer;
  }
}
