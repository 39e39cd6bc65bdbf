import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { waitUntil } from '../wait-until.ts';
import { freePorts } from './ports.ts';
import { serverVariables, TEST_LIMIT_VARIABLES } from './test-config.ts';

const MAIN = join(import.meta.dirname, '../../../backend/src/main.ts');

export interface MainProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What the server's stdout is; by default `output` collects it. */
  readonly stdout?: number | 'pipe';
  /** Gives the server a process group of its own, as a shell or a service manager does. */
  readonly detached?: boolean;
}

/** The real server as a process, for tests of the process itself: its output, signals and children. */
export class MainProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  /** What it has written to stdout, if that is collected, and to stderr. */
  output = '';
  readonly #metricsUrl: string;

  static async spawn(options: MainProcessOptions = {}): Promise<MainProcess> {
    const [port, metricsPort, mediaPort] = [
      await freePorts(),
      await freePorts(),
      await freePorts(2),
    ];
    return new MainProcess(port, metricsPort, mediaPort, options);
  }

  /** A process that answers. @throws if it exits instead */
  static async start(options: MainProcessOptions = {}): Promise<MainProcess> {
    const server = await MainProcess.spawn(options);
    await server.answers();
    return server;
  }

  private constructor(
    port: number,
    metricsPort: number,
    mediaPort: number,
    { env = {}, stdout, detached = false }: MainProcessOptions,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.#metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
    const stdio: StdioOptions = ['ignore', stdout ?? 'pipe', 'pipe'];
    this.child = spawn(process.execPath, [MAIN], {
      env: {
        ...process.env,
        ...serverVariables({ port, mediaPort, workers: 2 }),
        ...TEST_LIMIT_VARIABLES,
        METRICS_PORT: String(metricsPort),
        LOG_LEVEL: 'info',
        ...env,
      },
      stdio,
      detached,
    });
    this.exited = once(this.child, 'exit') as typeof this.exited;
    const append = (data: Buffer) => {
      this.output += data.toString();
    };
    if (stdout === undefined) this.child.stdout?.on('data', append);
    this.child.stderr?.on('data', append);
  }

  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) throw new Error('the server does not run');
    return pid;
  }

  async answers(): Promise<void> {
    await waitUntil('the server answers', async () => {
      if (this.child.exitCode !== null) throw new Error(`the server exited:\n${this.output}`);
      return (await this.status('/healthz')) === 200;
    });
  }

  /** The status of the answer to a GET; undefined if there is none within 2 s. */
  async status(path: string): Promise<number | undefined> {
    try {
      const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(2_000) });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return undefined;
    }
  }

  /** One series of `/metrics`; 0 if it is missing. */
  async metric(series: string): Promise<number> {
    const text = await (await fetch(this.#metricsUrl)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return Number(line?.slice(series.length) ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await this.exited;
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
