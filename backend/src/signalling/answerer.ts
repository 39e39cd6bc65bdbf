import * as v from 'valibot';
import { ERRORS, type ErrorCode, OnecastError } from '#protocol/errors.ts';
import type { Result } from '#protocol/result.ts';
import type { RequestName } from '#protocol/signalling.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';

type Refused = Extract<Result<unknown>, { ok: false }>;

/** Turns the outcome of a request into its answer, and logs and counts it. */
export class Answerer {
  readonly #log: Log;
  readonly #metrics: Metrics;

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  /** Never rejects: an error becomes a Result with `ok: false`. */
  async answer(name: RequestName, handle: () => Promise<unknown>): Promise<Result<unknown>> {
    const begun = performance.now();
    const result = await handle().then(
      (value): Result<unknown> => {
        this.#log.debug({ request: name }, 'answered');
        return { ok: true, value: value ?? null };
      },
      (error: unknown): Result<unknown> => {
        if (error instanceof OnecastError) {
          this.#log.info({ request: name, code: error.code }, 'refused');
          return this.refuse(error.code, error.message);
        }
        this.#log.error({ request: name, err: error }, 'request failed');
        return this.refuse('internal');
      },
    );
    this.#metrics.answered(name, (performance.now() - begun) / 1_000);
    return result;
  }

  badRequest(name: RequestName, issue: v.BaseIssue<unknown>): Refused {
    this.#log.info({ request: name, fault: problemOf(issue) }, 'bad request');
    return this.refuse('bad-request');
  }

  refuse(code: ErrorCode, message: string = ERRORS[code].message): Refused {
    this.#metrics.refused(code);
    return { ok: false, code, message };
  }
}

/** The field and what was expected. Never the value, which may be long or a secret. */
function problemOf(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? '(whole)'}: expected ${issue.expected ?? issue.type}`.slice(
    0,
    256,
  );
}
