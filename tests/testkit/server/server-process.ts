import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from './ports.ts';
import { serverVariables, TEST_LIMIT_VARIABLES } from './test-config.ts';

const ROOT = join(import.meta.dirname, '../../..');

export interface ServerProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Put before the command, e.g. to run the server in a network namespace. */
  readonly prefix?: readonly string[];
  /** Address of the pages and of media; loopback by default. */
  readonly address?: string;
}

/** The real server as a process on ports of its own; it can be stopped, killed and started again. */
export class ServerProcess {
  readonly port: number;
  readonly mediaPort: number;
  readonly #options: ServerProcessOptions;
  /** Kept over restarts, as an operator's. */
  readonly stateDir = mkdtempSync(join(tmpdir(), 'onecast-state-'));
  #process: ChildProcess | undefined;
  #stopping = false;
  #unexpectedExit: string | undefined;
  /** Everything that the server has printed since its last start. */
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
    process.once('exit', () => rmSync(this.stateDir, { recursive: true, force: true }));
  }

  get #address(): string {
    return this.#options.address ?? '127.0.0.1';
  }

  get url(): string {
    return `http://${this.#address}:${this.port}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the server does not run');
    return pid;
  }

  /** Pids of the media workers that run now. @throws when the server exited unexpectedly */
  get workerPids(): number[] {
    if (this.#unexpectedExit !== undefined) throw new Error(this.#unexpectedExit);
    const ready = this.output.matchAll(/"worker":(\d+),"pid":(\d+),"msg":"media worker ready"/g);
    return [...new Map([...ready].map(([, index, pid]) => [index, Number(pid)])).values()];
  }

  /** How many times `text` is in the output. */
  printed(text: string): number {
    return this.output.split(text).length - 1;
  }

  /** One series of `/metrics`; 0 when it is missing. */
  async metric(series: string): Promise<number> {
    const port = /"metricsPort":(\d+)/.exec(this.output)?.[1];
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return Number(line?.slice(series.length) ?? 0);
  }

  /** Resolves when the server accepts connections. */
  async start(): Promise<void> {
    const main = join(ROOT, 'backend/src/main.ts');
    const [command, ...args] = [...(this.#options.prefix ?? []), process.execPath, main];
    const child = spawn(command, args, {
      cwd: ROOT,
      env: {
        ...process.env,
        ...serverVariables({
          address: this.#address,
          port: this.port,
          mediaPort: this.mediaPort,
          workers: 2,
        }),
        ...TEST_LIMIT_VARIABLES,
        STATE_DIR: this.stateDir,
        // Tests read from the log what the server did.
        LOG_LEVEL: 'debug',
        ...this.#options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#stopping = false;
    this.output = '';
    const append = (data: Buffer) => {
      this.output += data.toString();
    };
    child.stdout.on('data', append);
    child.stderr.on('data', append);
    child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      const end = this.output.slice(-4_000);
      this.#unexpectedExit = `the server exited unexpectedly (${code ?? signal}):\n${end}`;
      console.error(this.#unexpectedExit);
    });
    while (!this.output.includes('Onecast is running')) {
      if (child.exitCode !== null) throw new Error(`the server exited:\n${this.output}`);
      await delay(20);
    }
  }

  /** Resolves with the exit code; null when a signal ended the server or it did not run. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    this.#stopping = true;
    const exited = once(child, 'exit');
    // With a prefix the child is the server as well: `ip netns exec` replaces itself.
    child.kill(signal);
    await exited;
    return child.exitCode;
  }
}
