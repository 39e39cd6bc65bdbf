import { effect, type ReadonlySignal, signal } from '@preact/signals-core';
import {
  JOIN_STEPS,
  type JoinStep,
  type JoinTrace,
  JoinTraceSchema,
} from '#protocol/join-trace.ts';
import * as v from 'valibot';

/**
 * A busy page learns of a step, such as DTLS, after it has shown the first frame: the report waits for so
 * long, ms.
 */
const LATE_STEPS_MS = 500;

/** Records when the first join of a page reached its steps; the first time of each step counts. */
export class JoinTracer {
  readonly #now: () => number;
  readonly #started: number;
  readonly #trace = signal<JoinTrace | undefined>(undefined);
  #way: JoinTrace['way'] = 'ahead';
  #steps: Partial<Record<JoinStep, number>> = {};
  #over = false;

  /** Create it when the page's script starts. @param now ms, monotonic */
  constructor(now: () => number) {
    this.#now = now;
    this.#started = now();
  }

  /** Set once the first frame has been shown; stays undefined where the times would mislead. */
  get trace(): ReadonlySignal<JoinTrace | undefined> {
    return this.#trace;
  }

  /** A request to join leaves. If an earlier request failed, its time still counts, its steps do not. */
  requested(way: JoinTrace['way']): void {
    // Joining again after the first frame is another join.
    if (this.#steps.frame !== undefined) this.#over = true;
    if (this.#over) return;
    this.#way = way;
    this.#steps = {};
    this.reached('asked');
  }

  /** A step that is reported after the first frame was reached by then, so it gets the frame's time. */
  reached(step: JoinStep): void {
    if (this.#over) return;
    const { frame } = this.#steps;
    const at = Math.round((this.#now() - this.#started) * 10) / 10;
    if (frame !== undefined && at > frame + LATE_STEPS_MS) {
      // Of another transport, for example.
      this.#over = true;
      return;
    }
    this.#steps[step] ??= frame ?? at;
    if (frame === undefined && step !== 'frame') return;
    const trace = v.safeParse(JoinTraceSchema, { way: this.#way, steps: this.#steps });
    if (trace.success) this.#trace.value = trace.output;
    else this.#over = true;
  }

  /** There is no broadcast, or the page is not visible: later steps would not measure the join. */
  abandon(): void {
    this.#over = true;
  }
}

/**
 * Abandons the trace if the page is hidden now or its visibility changes later. Reports it one time, as soon
 * as the trace is complete and the connection is live.
 * @param live whether the connection is live now
 * @param report called once; its failure does not matter
 */
export function reportJoin(
  tracer: JoinTracer,
  live: ReadonlySignal<boolean>,
  report: (trace: JoinTrace) => Promise<unknown>,
  closed: AbortSignal,
): void {
  // Browsers present no frames to a page that is not visible.
  if (document.visibilityState !== 'visible') tracer.abandon();
  const options = { once: true, signal: closed };
  document.addEventListener('visibilitychange', () => tracer.abandon(), options);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    if (timer !== undefined || !tracer.trace.value || !live.value) return;
    timer = setTimeout(() => {
      const trace = tracer.trace.peek();
      if (trace) report(trace).catch(() => undefined);
    }, LATE_STEPS_MS);
  });
  const end = () => {
    stop();
    clearTimeout(timer);
  };
  closed.addEventListener('abort', end, { once: true });
}

/** A step of a trace and the time it took: from when the step before it was reached. */
export interface JoinSpan {
  readonly step: JoinStep;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The steps in the order in which they were reached, end to end, without those that the browser did not report. */
export function spansOf({ steps }: JoinTrace): JoinSpan[] {
  const reached = JOIN_STEPS.flatMap((step) => {
    const at = steps[step];
    return at === undefined ? [] : [{ step, at }];
  }).toSorted((a, b) => a.at - b.at);
  return reached.map(({ step, at }, i) => ({ step, fromMs: reached[i - 1]?.at ?? 0, toMs: at }));
}
