/** Starts observed-server-child.ts and asks it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Limits } from '#config/limits.ts';
import { ONE_ADDRESS_ENV } from './one-address.ts';
import { freePorts } from './ports.ts';

export interface Counts {
  readonly sessions: number;
  readonly rooms: number;
  /** Open transports as the pool counts them, and as the workers do. */
  readonly transports: number;
  readonly workerTransports: number;
  readonly routers: number;
  /** Objects of any kind that the workers' channels know. */
  readonly handlers: number;
  readonly sockets: number;
  readonly timers: number;
  readonly poolListeners: number;
  /** After a full collection. */
  readonly heapBytes: number;
}

/** When a receiving transport took its steps, ms of the server's clock. */
export interface TransportSteps {
  readonly made: number;
  consumer?: number;
  resumed?: number;
  dtls?: number;
  packet?: number;
}

export interface Answers {
  counts: Counts;
  /** Since they were last asked for. */
  steps: { readonly transports: readonly TransportSteps[]; readonly eventLoopMaxMs: number };
  /** Every viewer of several layers is put on the next one; which one that is. */
  switchLayer: number;
}
export interface Question {
  readonly ask: keyof Answers;
}

const DEADLINE_MS = 30_000;

export interface ObservedServerOptions {
  readonly limits?: Partial<Limits>;
  /** Put before the command, e.g. to run in a network namespace. */
  readonly prefix?: readonly string[];
  /** Where pages and media are reached. */
  readonly address?: string;
  /** What one address may do stays as the product has it. */
  readonly realAddressLimits?: boolean;
}

export class ObservedServer {
  readonly port: number;
  readonly workerPids: readonly number[];
  readonly #child: ChildProcess;
  readonly #address: string;
  #asked = 0;

  static async start({
    limits = {},
    prefix = [],
    address = '127.0.0.1',
    realAddressLimits = false,
  }: ObservedServerOptions = {}): Promise<ObservedServer> {
    const ports = await freePorts(2);
    const program = join(import.meta.dirname, 'observed-server-child.ts');
    const [command, ...args] = [...prefix, process.execPath, '--expose-gc', program];
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        HOST: address,
        PORT: '0',
        MEDIA_PORT: String(ports),
        METRICS_PORT: '0',
        ...(!realAddressLimits && ONE_ADDRESS_ENV),
        MEDIA_LISTEN_ADDRESS: address,
        ANNOUNCED_ADDRESS: address,
        WORKERS: '2',
        LOG_LEVEL: 'warn',
        BENCH_LIMITS: JSON.stringify(limits),
      },
    });
    try {
      const ready = await answerOf<{ port: number; workers: number[] }>(child, 0);
      return new ObservedServer(child, address, ready.port, ready.workers);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  private constructor(
    child: ChildProcess,
    address: string,
    port: number,
    workerPids: readonly number[],
  ) {
    this.#child = child;
    this.#address = address;
    this.port = port;
    this.workerPids = workerPids;
  }

  get url(): string {
    return `http://${this.#address}:${this.port}`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ask<A extends keyof Answers>(ask: A): Promise<Answers[A]> {
    this.#asked += 1;
    const answered = answerOf<Answers[A]>(this.#child, this.#asked);
    this.#child.send({ id: this.#asked, ask });
    return answered;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(late);
  }
}

/** The answer with this id. @throws where the process ends, or says nothing for long. */
function answerOf<T>(child: ChildProcess, id: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      child.off('message', heard);
      child.off('exit', ended);
    };
    const heard = (message: { id: number; value: T }) => {
      if (message.id !== id) return;
      finish();
      resolve(message.value);
    };
    const ended = () => {
      finish();
      reject(new Error('the observed server ended'));
    };
    const timer = setTimeout(() => {
      finish();
      reject(new Error('the observed server does not answer'));
    }, DEADLINE_MS);
    child.on('message', heard);
    child.once('exit', ended);
  });
}
