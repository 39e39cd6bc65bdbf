/**
 * Limits how many lines of one kind the log gets, because strangers decide how often many things
 * happen: refused requests, sockets that are cut, sessions that end. Lines beyond the rate are counted
 * and summarised. Metrics count everything.
 */
import type { Limits } from '#config/limits.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';

export type ThrottleLimits = Pick<Limits, 'logKindBurst' | 'logKindPerS' | 'logSummaryMs'>;

/** The lines of one kind that were left out of the log. */
export interface Summary {
  /** Their message. */
  readonly line: string;
  readonly code: string | undefined;
  /** pino's number of their level. */
  readonly level: number;
  readonly leftOut: number;
}

/** Kinds are our own sentences, some with an error code: about a hundred. */
const KINDS_MAX = 256;

interface Kind {
  readonly line: string;
  readonly code: string | undefined;
  readonly level: number;
  readonly bucket: TokenBucket;
  leftOut: number;
}

export class LogThrottle {
  readonly #limits: ThrottleLimits;
  readonly #report: (summary: Summary) => void;
  readonly #now: () => number;
  readonly #kinds = new Map<string, Kind>();
  #timer: NodeJS.Timeout | undefined;
  #leftOut = 0;

  /** @param report is called for each kind with lines left out, every `logSummaryMs` at most */
  constructor(
    limits: ThrottleLimits,
    report: (summary: Summary) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#limits = limits;
    this.#report = report;
    this.#now = now;
  }

  /** Lines left out since the start. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Whether this line may be written now. If not, it is counted. */
  allows(level: number, line: string, code: string | undefined): boolean {
    const kind = this.#kindOf(level, line, code);
    if (kind.bucket.tryConsume(this.#now())) return true;
    kind.leftOut += 1;
    this.#leftOut += 1;
    if (!this.#timer) {
      this.#timer = setTimeout(() => this.#summarise(), this.#limits.logSummaryMs);
      this.#timer.unref();
    }
    return false;
  }

  #kindOf(level: number, line: string, code: string | undefined): Kind {
    const key = `${level} ${code ?? ''} ${line}`;
    const known = this.#kinds.get(key);
    if (known) return known;
    if (this.#kinds.size >= KINDS_MAX && line !== OTHER)
      return this.#kindOf(level, OTHER, undefined);
    const rate = { burst: this.#limits.logKindBurst, perS: this.#limits.logKindPerS };
    const kind = { line, code, level, bucket: new TokenBucket(rate, this.#now()), leftOut: 0 };
    this.#kinds.set(key, kind);
    return kind;
  }

  #summarise(): void {
    this.#timer = undefined;
    for (const kind of this.#kinds.values()) {
      const { line, code, level, leftOut } = kind;
      if (leftOut === 0) continue;
      kind.leftOut = 0;
      this.#report({ line, code, level, leftOut });
    }
  }
}

const OTHER = '(other)';
