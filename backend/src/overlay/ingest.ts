import type { Limits } from '#config/limits.ts';
import type { Metrics } from '../observability/metrics.ts';
import { ERRORS, OnecastError } from '#protocol/errors.ts';
import type { FeedResult } from '#protocol/signalling.ts';
import { parseOutsideMessage } from '#protocol/ingest.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import type { RoomOverlay } from './room-overlay.ts';

/** Too many at once: none of them was taken. */
export class FeedBusy extends OnecastError {
  readonly retryInMs: number;

  constructor(retryInMs: number) {
    super('too-many', `Too many messages. None of these was taken; try again in ${retryInMs} ms.`);
    this.retryInMs = retryInMs;
  }
}

/** The door for programs beside the publisher's page. One rate for all of them in a room. */
export class OutsideFeed {
  readonly #overlay: RoomOverlay;
  readonly #metrics: Metrics;
  readonly #bucket: TokenBucket;

  constructor(overlay: RoomOverlay, limits: Limits, metrics: Metrics) {
    this.#overlay = overlay;
    this.#metrics = metrics;
    this.#bucket = new TokenBucket(
      { burst: limits.outsideBurst, perS: limits.outsidePerS },
      performance.now(),
    );
  }

  /**
   * Takes what is good of `lines` and says of the rest what is wrong with it.
   * @param lines messages as parsed JSON; undefined where a line was none
   * @throws FeedBusy
   */
  accept(lines: readonly unknown[], onAir: boolean): FeedResult {
    if (!this.#bucket.take(performance.now(), lines.length)) {
      throw new FeedBusy(this.#bucket.waitMs(lines.length));
    }
    const refused: FeedResult['refused'] = [];
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
    const parsed = parseOutsideMessage(line);
    if ('fault' in parsed) {
      throw new OnecastError('bad-request', `${ERRORS['bad-request'].message} ${parsed.fault}`);
    }
    this.#metrics.overlay('taken', this.#overlay.fromOutside(parsed, onAir));
  }
}
