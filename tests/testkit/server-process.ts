import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from './ports.ts';
import { ONE_ADDRESS_ENV } from './one-address.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface ServerProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Put before the command, e.g. to run in a network namespace. */
  readonly prefix?: readonly string[];
  /** Where the pages are reached. */
  readonly address?: string;
}

/** The real server as its own process, on ports of its own; can be stopped, killed and started again. */
export class ServerProcess {
  readonly port: number;
  readonly mediaPort: number;
  readonly #options: ServerProcessOptions;
  #process: ChildProcess | undefined;
  #stopping = false;
  #gone: string | undefined;
  /** Every line it has printed. */
  output = '';

  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(await freePorts(), await freePorts(2), options);
    await server.start();
    return server;
  }

  private constructor(port: number, mediaPort: number, options: ServerProcessOptions) {
    this.port = port;
    this.mediaPort = mediaPort;
    this.#options = options;
  }

  get url(): string {
    return `http://${this.#options.address ?? '127.0.0.1'}:${this.port}`;
  }

  /** One series as `/metrics` has it; 0 where it is missing. */
  async metric(series: string): Promise<number> {
    const port = /"metricsPort":(\d+)/.exec(this.output)?.[1];
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return Number(line?.slice(series.length) ?? 0);
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the server is not running');
    return pid;
  }

  /** Pids of its media workers, those that have been replaced left out. */
  get workerPids(): number[] {
    if (this.#gone) throw new Error(this.#gone);
    const ready = this.output.matchAll(/"worker":(\d+),"pid":(\d+),"msg":"media worker ready"/g);
    return [...new Map([...ready].map(([, seat, pid]) => [seat, Number(pid)])).values()];
  }

  /** Resolves when it answers `ready`. */
  async start(): Promise<void> {
    const address = this.#options.address ?? '127.0.0.1';
    const command = [
      ...(this.#options.prefix ?? []),
      process.execPath,
      join(ROOT, 'backend/src/main.ts'),
    ];
    const child = spawn(command[0] ?? '', command.slice(1), {
      cwd: ROOT,
      env: {
        ...process.env,
        HOST: address,
        PORT: String(this.port),
        MEDIA_PORT: String(this.mediaPort),
        METRICS_PORT: '0',
        ...ONE_ADDRESS_ENV,
        MEDIA_LISTEN_ADDRESS: address,
        ANNOUNCED_ADDRESS: address,
        WORKERS: '2',
        // Tests read from it what the server did.
        LOG_LEVEL: 'debug',
        ...this.#options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#stopping = false;
    this.output = '';
    const keep = (data: Buffer) => {
      this.output += data.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      this.#gone = `the server went away by itself (${code ?? signal}):\n${this.output.slice(-4_000)}`;
      console.error(this.#gone);
    });
    while (!this.output.includes('Onecast is running')) {
      if (child.exitCode !== null) throw new Error(`the server exited:\n${this.output}`);
      await delay(20);
    }
  }

  /** Resolves with the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    this.#stopping = true;
    const exited = once(child, 'exit');
    // With a prefix the child is the server all the same: ip netns exec replaces itself.
    child.kill(signal);
    await exited;
    return child.exitCode;
  }
}
