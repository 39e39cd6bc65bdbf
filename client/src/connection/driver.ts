import { type ReadonlySignal, signal } from '@preact/signals-core';
import { OnecastError } from '#protocol/errors.ts';
import { type Command, type Event, INITIAL, type State, step } from './machine.ts';
import type { ConnectionTrace } from './trace.ts';

/** What is to be done once the machine has taken its step, so that its events come in order. */
export type Afterwards = () => void;

/** What the machine's commands mean. Each may fail; the driver turns that into events. */
export interface Effects {
  openSocket(): void;
  closeSocket(): void;
  /** Resolves when the server has given a session. `ahead`: its media was begun before. */
  enter(): Promise<{ ahead: boolean; afterwards: Afterwards }>;
  /** `transport`: whether the server still has the one that the page has. */
  resume(): Promise<{ transport: 'kept' | 'gone'; afterwards: Afterwards }>;
  /** Resolves when the path is proven to work. */
  restartIce(signal: AbortSignal): Promise<void>;
  renewTransport(): Promise<Afterwards>;
  requestKeyFrame(): Promise<void>;
  dropMedia(): void;
  forgetSession(): void;
}

/** Runs the machine: holds its one timer, runs its commands, feeds it what comes of them. */
export class Driver {
  readonly #state = signal<State>(INITIAL);
  readonly #effects: Effects;
  readonly #patienceMs: number;
  readonly #trace: ConnectionTrace;
  readonly #queue: Event[] = [];
  #stepping = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Aborted when the phase is over: what its commands still bring is no longer asked for. */
  #phaseEnd = new AbortController();

  constructor(effects: Effects, patienceMs: number, trace: ConnectionTrace) {
    this.#effects = effects;
    this.#patienceMs = patienceMs;
    this.#trace = trace;
  }

  get state(): ReadonlySignal<State> {
    return this.#state;
  }

  /** Steps do not nest: an event that comes from within one waits until its commands have run. */
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
    this.#trace.record(now, event, before.phase.name, state.phase.name, commands);
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
      case 'enter':
        return this.#attempt(async (still) => {
          const { ahead, afterwards } = await this.#effects.enter();
          if (still()) this.#advance({ type: 'JOINED', ahead }, afterwards);
        });
      case 'resume':
        return this.#attempt(async (still) => {
          const { transport, afterwards } = await this.#effects.resume();
          if (still()) this.#advance({ type: 'RESUMED', transport }, afterwards);
        });
      case 'renewTransport':
        return this.#attempt(async (still) => {
          const afterwards = await this.#effects.renewTransport();
          if (still()) this.#advance({ type: 'RENEWED' }, afterwards);
        });
      case 'restartIce':
        return this.#attempt(async (still, signal) => {
          await this.#effects.restartIce(signal);
          if (still()) this.send({ type: 'PATH_PROVEN' });
        });
      case 'requestKeyFrame':
        return this.#attempt(() => this.#effects.requestKeyFrame());
      default:
        return command satisfies never;
    }
  }

  #advance(event: Event, afterwards: Afterwards): void {
    this.send(event);
    afterwards();
  }

  /** `still()` is false once the phase that asked is over: the world has moved on. */
  #attempt(run: (still: () => boolean, signal: AbortSignal) => Promise<void>): void {
    const { signal } = this.#phaseEnd;
    const still = () => !signal.aborted;
    run(still, signal).catch((error: unknown) => {
      if (!still()) return;
      // No answer in time, or a socket that went: the phase's own deadline deals with it.
      if (error instanceof OnecastError) {
        this.send({ type: 'REFUSED', code: error.code, retry: error.retry });
      } else {
        console.warn('onecast:', error);
      }
    });
  }
}
