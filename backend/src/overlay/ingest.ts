import type { Limits } from '#config/limits.ts';
import type { Metrics } from '../observability/metrics.ts';
import { ERRORS, OnecastError } from '#protocol/errors.ts';
import type { IngestResult } from '#protocol/signalling.ts';
import { parseIngestMessage } from '#protocol/ingest.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import type { RoomOverlay } from './room-overlay.ts';

/** Too many at once: none of them was taken. */
export class IngestBusy extends OnecastError {
  readonly retryInMs: number;

  constructor(retryInMs: number) {
    super('too-many', `Too many messages. None of these was taken; try again in ${retryInMs} ms.`);
    this.retryInMs = retryInMs;
  }
}

/** The door for programs beside the publisher's page. One rate for all of them in a room. */
export class Ingest {
  readonly #overlay: RoomOverlay;
  readonly #metrics: Metrics;
  readonly #bucket: TokenBucket;

  constructor(overlay: RoomOverlay, limits: Limits, metrics: Metrics) {
    this.#overlay = overlay;
    this.#metrics = metrics;
    this.#bucket = new TokenBucket(
      { burst: limits.ingestBurst, perS: limits.ingestPerS },
      performance.now(),
    );
  }

  /**
   * Takes what is good of `lines` and says of the rest what is wrong with it.
   * @param lines messages as parsed JSON; undefined where a line was none
   * @throws FeedBusy
   */
  accept(lines: readonly unknown[], onAir: boolean): IngestResult {
    if (!this.#bucket.tryConsume(performance.now(), lines.length)) {
      throw new IngestBusy(this.#bucket.waitMs(lines.length));
    }
    const refused: IngestResult['refused'] = [];
    lines.forEach((line, i) => {
      try {
        this.#take(line, onAir);
      } catch (error) {
        if (!(error instanceof OnecastError)) throw error;
        this.#metrics.refused(error.code);
        refused.push({ line: i + 1, code: error.code, message: error.message });
      }
    });
    return { accepted: lines.length - refused.length, refused };
  }

  #take(line: unknown, onAir: boolean): void {
    if (line === undefined) throw new OnecastError('bad-request', 'This is not JSON.');
    const parsed = parseIngestMessage(line);
    if ('problem' in parsed) {
      throw new OnecastError('bad-request', `${ERRORS['bad-request'].message} ${parsed.problem}`);
    }
    this.#metrics.overlay('taken', this.#overlay.setFromIngest(parsed, onAir));
  }
}
