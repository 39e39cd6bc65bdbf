import type { Limits } from '#config/limits.ts';

type LoadLimits = Pick<
  Limits,
  | 'transportCostGuess'
  | 'transportCostMin'
  | 'transportCostMax'
  | 'slowAnswerMs'
  | 'slowAnswerShare'
>;

/** What a worker says of itself: CPU time since it started, ms (mediasoup's getResourceUsage). */
export interface CpuTime {
  readonly ru_utime: number;
  readonly ru_stime: number;
}

/** A hiccup of our own process delays one answer, a worker at its end delays them all. */
const ANSWERS_REMEMBERED = 3;

/**
 * How busy one worker is, as a share of one core: measured from its CPU time, with a guess for the
 * transports that came after the last measure, and more where its answers are slow.
 */
export class WorkerLoad {
  readonly #limits: LoadLimits;
  readonly #answersMs: number[] = [];
  #last: { readonly cpuMs: number; readonly transports: number; readonly at: number } | undefined;
  #share = 0;
  /** Those whose cost is in `#share`. */
  #transportsSeen = 0;
  #costPerTransport: number;

  constructor(limits: LoadLimits) {
    this.#limits = limits;
    this.#costPerTransport = limits.transportCostGuess;
  }

  /** `now` and `answeredInMs` by the monotonic clock; `transports` open at the time. */
  measured(usage: CpuTime, answeredInMs: number, transports: number, now: number): void {
    this.#answersMs.push(answeredInMs);
    if (this.#answersMs.length > ANSWERS_REMEMBERED) this.#answersMs.shift();
    const cpuMs = usage.ru_utime + usage.ru_stime;
    const last = this.#last;
    this.#last = { cpuMs, transports, at: now };
    if (!last || now <= last.at) return;
    this.#share = Math.max(0, cpuMs - last.cpuMs) / (now - last.at);
    // Those that came during the measure have not shown their cost: the mean of both ends.
    const mean = (last.transports + transports) / 2;
    this.#transportsSeen = transports;
    const { transportCostMin, transportCostMax } = this.#limits;
    if (mean >= 1) {
      this.#costPerTransport = Math.min(
        transportCostMax,
        Math.max(transportCostMin, this.#share / mean),
      );
    }
  }

  /** Share of a core, above 1 where more has come than it can carry. */
  estimate(transports: number): number {
    const unseen = Math.max(0, transports - this.#transportsSeen);
    const { slowAnswerMs, slowAnswerShare } = this.#limits;
    const full = this.#answersMs.length === ANSWERS_REMEMBERED;
    const slow = full && Math.min(...this.#answersMs) > slowAnswerMs;
    return this.#share + unseen * this.#costPerTransport + (slow ? slowAnswerShare : 0);
  }

  /** The measured share of a core alone. */
  get share(): number {
    return this.#share;
  }
}
