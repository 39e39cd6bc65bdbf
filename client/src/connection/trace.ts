import type { Command, Event, Phase } from './states.ts';

/** One event that the connection's machine received, and what the machine did with it. */
export interface Transition {
  /** ms since the page was opened (`performance.now()`). */
  readonly atMs: number;
  readonly event: Event['type'];
  /** What distinguishes events of one type, such as the error code of a refusal. */
  readonly detail?: string;
  readonly from: Phase;
  /** The same as `from` where the event changed no phase. */
  readonly to: Phase;
  readonly commands: readonly Command['do'][];
}

export const TRACE_CAPACITY = 200;

/** The last transitions of a page's connection, oldest first. When it is full, the oldest one is dropped. */
export class ConnectionTrace {
  readonly #capacity: number;
  readonly #transitions: Transition[] = [];

  constructor(capacity = TRACE_CAPACITY) {
    this.#capacity = capacity;
  }

  /** Copies names only: an event may carry an answer with the session's secret. */
  record(atMs: number, event: Event, from: Phase, to: Phase, commands: readonly Command[]): void {
    const detail = detailOf(event);
    this.#transitions.push({
      atMs: Math.round(atMs),
      event: event.type,
      ...(detail !== undefined && { detail }),
      from,
      to,
      commands: commands.map((command) => command.do),
    });
    if (this.#transitions.length > this.#capacity) this.#transitions.shift();
  }

  transitions(): readonly Transition[] {
    return [...this.#transitions];
  }
}

function detailOf(event: Event): string | undefined {
  if (event.type === 'SESSION_OPENED' && event.ahead) return 'ahead';
  if (event.type === 'SESSION_RESUMED') return `transport ${event.transport}`;
  return event.type === 'REFUSED' ? event.code : undefined;
}
