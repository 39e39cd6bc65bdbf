import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { IngestMessage } from '#protocol/ingest.ts';

/** What the server reads its own time from, ms; `monotonic` goes on evenly when the other is set. */
export interface Clocks {
  readonly wall: () => number;
  readonly monotonic: () => number;
}

const UNITS = [
  ['days', 86_400_000],
  ['hours', 3_600_000],
  ['minutes', 60_000],
  ['seconds', 1_000],
] as const;

/**
 * Compares the times in a program's messages with the present: by this server's clock or by that of
 * the publisher's page: one of them has to agree. A program on the publisher's machine shares a wrong clock
 * with it, and then its times still name the right frames.
 */
export class ProgramClock {
  readonly #limits: Limits;
  readonly #clocks: Clocks;
  /** Add it to the monotonic clock to get the publisher's time. */
  #publisherOffset: number | undefined;

  constructor(
    limits: Limits,
    clocks: Clocks = { wall: () => Date.now(), monotonic: () => performance.now() },
  ) {
    this.#limits = limits;
    this.#clocks = clocks;
  }

  /** The publisher's page has just read its clock: ms since 1970. */
  publisherClockIs(at: number): void {
    this.#publisherOffset = at - this.#clocks.monotonic();
  }

  /**
   * When the message was captured: what it says, or else now. State may be as old as it says; any other
   * message is at most `ingestAgeMaxMs` old.
   * @throws OnecastError `clock-off` if a time of it is in the future, or if its frame is too old
   */
  capturedAt({ keyed, message }: IngestMessage): number {
    const frame = 'frame' in message ? message.frame : undefined;
    this.#assertTime('frame.capturedAt', frame?.capturedAt, this.#limits.ingestFrameAgeMaxMs);
    this.#assertTime('capturedAt', message.capturedAt, Infinity);
    const now = this.#clocks.wall();
    const capturedAt = message.capturedAt ?? now;
    return keyed ? capturedAt : Math.max(capturedAt, now - this.#limits.ingestAgeMaxMs);
  }

  #assertTime(field: string, time: number | undefined, ageMaxMs: number): void {
    if (time === undefined) return;
    const distances = this.#presents().map((present) => time - present);
    const isNear = (ahead: number) => ahead <= this.#limits.ingestAheadMaxMs && ahead >= -ageMaxMs;
    if (distances.some(isNear)) return;
    const [ahead = 0] = distances;
    const direction = ahead > 0 ? 'ahead of' : 'behind';
    throw new OnecastError(
      'clock-off',
      `${field} is ${inWords(Math.abs(ahead))} ${direction} the server’s clock. Times are in ` +
        'milliseconds since 1970 (UTC). Set the clock of the machine that sends, or leave the field out.',
    );
  }

  /** The present by the server's clock, and by the publisher's where it is known. */
  #presents(): number[] {
    const byServer = this.#clocks.wall();
    if (this.#publisherOffset === undefined) return [byServer];
    return [byServer, this.#clocks.monotonic() + this.#publisherOffset];
  }
}

function inWords(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, each]) => ms >= 2 * each) ?? ['seconds', 1_000];
  return `${Math.round(ms / unitMs)} ${unit}`;
}
