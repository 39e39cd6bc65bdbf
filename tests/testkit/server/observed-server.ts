/** Starts observed-server-child.ts and queries it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Limits } from '#config/limits.ts';
import { freePorts } from './ports.ts';
import { serverVariables, TEST_LIMIT_VARIABLES } from './test-config.ts';

export interface Counts {
  readonly sessions: number;
  readonly rooms: number;
  /** Open transports, as the pool counts them and as the workers do. */
  readonly transports: number;
  readonly workerTransports: number;
  readonly routers: number;
  /** Request handlers of the workers' channels: one for each object of any kind. */
  readonly handlers: number;
  readonly sockets: number;
  readonly timers: number;
  readonly poolListeners: number;
  /** After a full garbage collection. */
  readonly heapBytes: number;
}

/** When each step of a receiving transport happened, in ms of the server's clock. */
export interface TransportSteps {
  readonly made: number;
  consumer?: number;
  resumed?: number;
  dtls?: number;
  packet?: number;
}

export interface Answers {
  counts: Counts;
  /** Steps since the last query. */
  steps: { readonly transports: readonly TransportSteps[]; readonly eventLoopMaxMs: number };
  /** Moves every viewer of a simulcast stream to the next layer and returns that layer. */
  switchLayer: number;
}
export interface Query {
  readonly query: keyof Answers;
}

const DEADLINE_MS = 30_000;

export interface ObservedServerOptions {
  readonly limits?: Partial<Limits>;
  /** Put before the command, e.g. to run the server in a network namespace. */
  readonly prefix?: readonly string[];
  /** Address of the pages and of media; loopback by default. */
  readonly address?: string;
  readonly workers?: number;
  /** Keeps the product's own limits for one address. */
  readonly realAddressLimits?: boolean;
}

/** The server in a process of its own that answers queries about its inner state. */
export class ObservedServer {
  readonly port: number;
  readonly workerPids: readonly number[];
  readonly #child: ChildProcess;
  readonly #address: string;
  #queries = 0;

  static async start({
    limits = {},
    prefix = [],
    address = '127.0.0.1',
    workers = 2,
    realAddressLimits = false,
  }: ObservedServerOptions = {}): Promise<ObservedServer> {
    const mediaPort = await freePorts(workers);
    const program = join(import.meta.dirname, 'observed-server-child.ts');
    const [command, ...args] = [...prefix, process.execPath, '--expose-gc', program];
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        ...serverVariables({ address, mediaPort, workers }),
        ...(!realAddressLimits && TEST_LIMIT_VARIABLES),
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

  async query<A extends keyof Answers>(query: A): Promise<Answers[A]> {
    this.#queries += 1;
    const answered = answerOf<Answers[A]>(this.#child, this.#queries);
    const message: Query & { id: number } = { id: this.#queries, query };
    this.#child.send(message);
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

/** The answer with this id. @throws when the process ends or does not answer within 30 s */
function answerOf<T>(child: ChildProcess, id: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      child.off('message', received);
      child.off('exit', ended);
    };
    const received = (message: { id: number; value: T }) => {
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
    child.on('message', received);
    child.once('exit', ended);
  });
}
