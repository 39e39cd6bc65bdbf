import { type ReadonlySignal, signal } from '@preact/signals-core';
import { OnecastError } from '#protocol/errors.ts';
import { INITIAL, step } from './machine.ts';
import type {
  Command,
  Event,
  SessionAnswer,
  SessionOpened,
  SessionResumed,
  State,
} from './states.ts';
import type { ConnectionTrace } from './trace.ts';

/** What the machine's commands do. Each may fail; the driver turns that into events. */
export interface Effects {
  openSocket(): void;
  closeSocket(): void;
  /** Resolves when the server has opened a session. */
  openSession(): Promise<SessionOpened>;
  resume(): Promise<SessionResumed>;
  renewTransport(): Promise<SessionAnswer>;
  /** Makes the page match an answer of one of the three requests above. */
  applyAnswer(answer: SessionAnswer): void;
  /** Resolves when the path is proven to work. */
  restartIce(signal: AbortSignal): Promise<void>;
  requestKeyFrame(): Promise<void>;
  dropMedia(): void;
  forgetSession(): void;
}

/** Runs the machine: holds its one timer, runs its commands, and sends it the events that follow. */
export class Driver {
  readonly #state = signal<State>(INITIAL);
  readonly #effects: Effects;
  readonly #patienceMs: number;
  readonly #trace: ConnectionTrace;
  readonly #queue: Event[] = [];
  #stepping = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Aborted at the end of the phase: results of the phase's commands no longer count. */
  #phaseEnd = new AbortController();

  constructor(effects: Effects, patienceMs: number, trace: ConnectionTrace) {
    this.#effects = effects;
    this.#patienceMs = patienceMs;
    this.#trace = trace;
  }

  get state(): ReadonlySignal<State> {
    return this.#state;
  }

  /** Steps do not nest: an event sent during a step waits until the step's commands have run. */
  send(event: Event): void {
    this.#queue.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#step(next);
    } finally {
      this.#stepping = false;
    }
  }

  #step(event: Event): void {
    const before = this.#state.value;
    const now = performance.now();
    const { state, commands } = step(before, event, {
      now,
      random: Math.random(),
      patienceMs: this.#patienceMs,
    });
    this.#trace.record(now, event, before.phase, state.phase, commands);
    if (state.phase !== before.phase) {
      this.#phaseEnd.abort();
      this.#phaseEnd = new AbortController();
    }
    this.#state.value = state;
    for (const command of commands) this.#run(command);
  }

  #run(command: Command): void {
    switch (command.do) {
      case 'timer':
        clearTimeout(this.#timer);
        if (command.ms !== undefined) {
          this.#timer = setTimeout(() => this.send({ type: 'TIMER' }), command.ms);
        }
        return;
      case 'openSocket':
        return this.#effects.openSocket();
      case 'closeSocket':
        return this.#effects.closeSocket();
      case 'dropMedia':
        return this.#effects.dropMedia();
      case 'forgetSession':
        return this.#effects.forgetSession();
      case 'openSession':
        return this.#attempt(
          () => this.#effects.openSession(),
          (opened) => this.send({ type: 'SESSION_OPENED', ...opened }),
        );
      case 'resume':
        return this.#attempt(
          () => this.#effects.resume(),
          (resumed) => this.send({ type: 'SESSION_RESUMED', ...resumed }),
        );
      case 'renewTransport':
        return this.#attempt(
          () => this.#effects.renewTransport(),
          (answer) => this.send({ type: 'TRANSPORT_RENEWED', answer }),
        );
      case 'restartIce':
        return this.#attempt(
          (signal) => this.#effects.restartIce(signal),
          () => this.send({ type: 'PATH_PROVEN' }),
        );
      case 'requestKeyFrame':
        return this.#attempt(() => this.#effects.requestKeyFrame());
      case 'applyAnswer':
        return this.#attempt(async () => this.#effects.applyAnswer(command.answer));
      default:
        return command satisfies never;
    }
  }

  /** `then` runs, and a failure counts, only while the phase that started the attempt lasts. */
  #attempt<T>(run: (signal: AbortSignal) => Promise<T>, then?: (result: T) => void): void {
    const { signal } = this.#phaseEnd;
    run(signal)
      .then((result) => {
        if (!signal.aborted) then?.(result);
      })
      .catch((error: unknown) => {
        if (signal.aborted) return;
        // Without an answer in time, or without a socket, the phase's own deadline decides.
        if (error instanceof OnecastError) {
          this.send({ type: 'REFUSED', code: error.code, retry: error.retry });
        } else {
          console.warn('onecast:', error);
        }
      });
  }
}
