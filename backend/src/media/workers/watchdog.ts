import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';

export interface WatchdogEvents {
  /** CPU time since the worker's start, and how long the answer took, ms. */
  answered(usage: types.WorkerResourceUsage, tookMs: number): void;
  /** Called at most once. */
  hung(reason: string): void;
}

/**
 * Detects a worker that hangs (SIGSTOP, an endless loop, a broken channel). mediasoup's requests to
 * such a worker never resolve, and mediasoup emits no event.
 */
export class Watchdog {
  readonly #worker: Pick<types.Worker, 'getResourceUsage' | 'closed'>;
  readonly #limits: Limits;
  readonly #events: WatchdogEvents;
  readonly #interval: NodeJS.Timeout;
  #deadline: NodeJS.Timeout | undefined;
  #misses = 0;
  #closed = false;

  constructor(
    worker: Pick<types.Worker, 'getResourceUsage' | 'closed'>,
    limits: Limits,
    events: WatchdogEvents,
  ) {
    this.#worker = worker;
    this.#limits = limits;
    this.#events = events;
    this.#interval = setInterval(() => this.#check(), limits.watchdogIntervalMs);
    this.#interval.unref();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#interval);
    clearTimeout(this.#deadline);
  }

  #check(): void {
    if (this.#worker.closed) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#misses += 1;
      if (this.#misses >= this.#limits.watchdogMissesMax) this.#reportHung('no answer');
    }, this.#limits.watchdogDeadlineMs);
    const deadline = this.#deadline;
    deadline.unref();
    const askedAt = performance.now();
    this.#worker.getResourceUsage().then(
      (usage) => {
        clearTimeout(deadline);
        this.#misses = 0;
        if (!this.#closed) this.#events.answered(usage, performance.now() - askedAt);
      },
      (error: unknown) => {
        clearTimeout(deadline);
        // FlatBuffers' shared builder is left in an invalid state: every later request fails too.
        if (String(error).includes('must not be nested')) this.#reportHung('broken channel');
      },
    );
  }

  #reportHung(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#events.hung(reason);
  }
}
