import { type ReadonlySignal, signal } from '@preact/signals-core';
import {
  JOIN_STEPS,
  type JoinStep,
  type JoinTrace,
  JoinTraceSchema,
} from '#protocol/join-trace.ts';
import * as v from 'valibot';

/** Notes when the first join of a page took its steps; the first time of each counts. */
export class JoinTracer {
  readonly #now: () => number;
  readonly #started: number;
  readonly #trace = signal<JoinTrace | undefined>(undefined);
  #way: JoinTrace['way'] = 'ahead';
  #steps: Partial<Record<JoinStep, number>> = {};
  #over = false;

  /** `now` counts in ms. To be made when the page's script starts. */
  constructor(now: () => number) {
    this.#now = now;
    this.#started = now();
  }

  /** There once the first frame has been shown; never where it says nothing about a join. */
  get trace(): ReadonlySignal<JoinTrace | undefined> {
    return this.#trace;
  }

  /** A request to join leaves. Where one before it came to nothing, the time that took stays in. */
  asked(way: JoinTrace['way']): void {
    if (this.#over) return;
    this.#way = way;
    this.#steps = {};
    this.reached('asked');
  }

  reached(step: JoinStep): void {
    if (this.#over) return;
    this.#steps[step] ??= Math.round((this.#now() - this.#started) * 10) / 10;
    if (step !== 'frame') return;
    this.#over = true;
    const trace = v.safeParse(JoinTraceSchema, { way: this.#way, steps: this.#steps });
    if (trace.success) this.#trace.value = trace.output;
  }

  /** Nothing is on air, or nobody looks: what comes later is no matter of the join. */
  abandon(): void {
    this.#over = true;
  }
}

/** A step of a trace and the time that it took: from when the one before was reached. */
export interface JoinSpan {
  readonly step: JoinStep;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The steps in the order in which they were reached, end to end. What the browser did not tell is left out. */
export function spansOf({ steps }: JoinTrace): JoinSpan[] {
  const reached = JOIN_STEPS.flatMap((step) => {
    const at = steps[step];
    return at === undefined ? [] : [{ step, at }];
  }).toSorted((a, b) => a.at - b.at);
  return reached.map(({ step, at }, i) => ({ step, fromMs: reached[i - 1]?.at ?? 0, toMs: at }));
}
