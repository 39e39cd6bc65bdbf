import type { Limits } from '#config/limits.ts';

type LoadLimits = Pick<
  Limits,
  | 'transportCostInitialCores'
  | 'transportCostMinCores'
  | 'transportCostMaxCores'
  | 'slowAnswerMs'
  | 'slowAnswerLoadShare'
>;

/** CPU time of a worker since it started, ms (mediasoup's getResourceUsage). */
export interface CpuTime {
  readonly ru_utime: number;
  readonly ru_stime: number;
}

/** A short pause of our own process delays one answer; an overloaded worker delays all of them. */
const ANSWERS_KEPT = 3;

/**
 * How busy one worker is, as a share of one core. It is measured from the worker's CPU time. The
 * estimate adds the expected cost of transports created after the last measurement, and a fixed share
 * if the worker's answers are slow.
 */
export class WorkerLoad {
  readonly #limits: LoadLimits;
  readonly #answersMs: number[] = [];
  #last: { readonly cpuMs: number; readonly transports: number; readonly at: number } | undefined;
  #share = 0;
  /** Number of transports whose cost is included in `#share`. */
  #transportsMeasured = 0;
  #costPerTransport: number;

  constructor(limits: LoadLimits) {
    this.#limits = limits;
    this.#costPerTransport = limits.transportCostInitialCores;
  }

  /** `transports`: number open now. `now` and `answeredInMs` are ms of the monotonic clock. */
  record(usage: CpuTime, answeredInMs: number, transports: number, now: number): void {
    this.#answersMs.push(answeredInMs);
    if (this.#answersMs.length > ANSWERS_KEPT) this.#answersMs.shift();
    const cpuMs = usage.ru_utime + usage.ru_stime;
    const last = this.#last;
    this.#last = { cpuMs, transports, at: now };
    if (!last || now <= last.at) return;
    this.#share = Math.max(0, cpuMs - last.cpuMs) / (now - last.at);
    // Transports created during the measurement show only part of their cost, hence the mean.
    const mean = (last.transports + transports) / 2;
    this.#transportsMeasured = transports;
    const { transportCostMinCores, transportCostMaxCores } = this.#limits;
    if (mean >= 1) {
      this.#costPerTransport = Math.min(
        transportCostMaxCores,
        Math.max(transportCostMinCores, this.#share / mean),
      );
    }
  }

  /** Estimated share of a core with this number of transports; above 1 if that is too many. */
  estimate(transports: number): number {
    const unseen = Math.max(0, transports - this.#transportsMeasured);
    const { slowAnswerMs, slowAnswerLoadShare } = this.#limits;
    const full = this.#answersMs.length === ANSWERS_KEPT;
    const slow = full && Math.min(...this.#answersMs) > slowAnswerMs;
    return this.#share + unseen * this.#costPerTransport + (slow ? slowAnswerLoadShare : 0);
  }

  /** The measured share of a core, without any estimate. */
  get share(): number {
    return this.#share;
  }
}
