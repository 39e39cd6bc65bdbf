import type { Limits } from '#config/limits.ts';
import { ERRORS, OnecastError } from '#protocol/errors.ts';
import { type IngestMessage, parseIngestMessage } from '#protocol/ingest.ts';
import type { IngestResult } from '#protocol/signalling.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import type { Metrics } from '../observability/metrics.ts';

/** Too many messages at once: none of them was accepted. */
export class IngestBusy extends OnecastError {
  readonly retryInMs: number;

  constructor(retryInMs: number) {
    super(
      'too-many',
      `Too many messages. None of these was accepted; try again in ${retryInMs} ms.`,
    );
    this.retryInMs = retryInMs;
  }
}

/** Checks the messages of programs other than the publisher's page. All programs of a room share one rate. */
export class Ingest {
  readonly #apply: (message: IngestMessage) => number;
  readonly #metrics: Metrics;
  readonly #bucket: TokenBucket;

  /** @param apply applies a valid message, returns the bytes sent, and may throw OnecastError */
  constructor(apply: (message: IngestMessage) => number, limits: Limits, metrics: Metrics) {
    this.#apply = apply;
    this.#metrics = metrics;
    this.#bucket = new TokenBucket(
      { burst: limits.ingestBurst, perS: limits.ingestPerS },
      performance.now(),
    );
  }

  /**
   * Applies the valid messages and returns the fault of each other one.
   * @param messages parsed JSON; undefined in place of a line that was not JSON
   * @throws IngestBusy
   */
  receive(messages: readonly unknown[]): IngestResult {
    if (!this.#bucket.tryConsume(performance.now(), messages.length)) {
      throw new IngestBusy(this.#bucket.waitMs(messages.length));
    }
    const refused: IngestResult['refused'] = [];
    messages.forEach((message, i) => {
      try {
        const bytes = this.#apply(parse(message));
        this.#metrics.overlay('taken', bytes);
      } catch (error) {
        if (!(error instanceof OnecastError)) throw error;
        this.#metrics.refused(error.code);
        refused.push({ line: i + 1, code: error.code, message: error.message });
      }
    });
    return { accepted: messages.length - refused.length, refused };
  }
}

function parse(message: unknown): IngestMessage {
  if (message === undefined) throw new OnecastError('bad-request', 'This is not JSON.');
  const parsed = parseIngestMessage(message);
  if ('problem' in parsed) {
    throw new OnecastError('bad-request', `${ERRORS['bad-request'].message} ${parsed.problem}`);
  }
  return parsed;
}
