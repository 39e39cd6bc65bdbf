import { type App, createApp } from '#backend/app.ts';
import type { MediaWorker } from '#backend/media/workers/pool.ts';
import { createLog } from '#backend/observability/log.ts';
import type { Metrics } from '#backend/observability/metrics.ts';
import { readConfig } from '#config/env.ts';
import { LIMITS, type Limits } from '#config/limits.ts';
import { SignalClient } from '../signalling/signal-client.ts';
import { waitUntil } from '../wait-until.ts';
import { freePorts } from './ports.ts';
import { serverVariables, TEST_LIMITS } from './test-config.ts';

export interface InProcessServerOptions {
  readonly workers?: number;
  readonly limits?: Partial<Limits>;
  readonly env?: Readonly<Record<string, string>>;
  readonly metrics?: Metrics;
  /** Receives each record of the log. */
  readonly logRecords?: string[];
}

/**
 * Limits for signalling without media: clients in Node send no packets, so the server must draw no
 * conclusion from their silence.
 */
const SIGNALLING_ONLY = {
  publisherSilentMs: 3_600_000,
  mediaDueMs: 3_600_000,
  dtlsDeadlineMs: 3_600_000,
} as const;

/** `N` clients as a tuple, so that they can be destructured. */
type Clients<N extends number, All extends SignalClient[] = []> = All['length'] extends N
  ? All
  : Clients<N, [...All, SignalClient]>;

/** The real app in this process, with real media workers, on ports of its own. */
export class InProcessServer implements AsyncDisposable {
  readonly limits: Limits;
  readonly #options: InProcessServerOptions;
  readonly #clients: SignalClient[] = [];
  #app: App | undefined;
  #mediaPort = 0;
  #rooms = 0;

  static async start(options: InProcessServerOptions = {}): Promise<InProcessServer> {
    const server = new InProcessServer(options);
    await server.start();
    return server;
  }

  /** A server that does not run yet. */
  constructor(options: InProcessServerOptions = {}) {
    this.#options = options;
    this.limits = { ...LIMITS, ...TEST_LIMITS, ...SIGNALLING_ONLY, ...options.limits };
  }

  async start(): Promise<void> {
    const { workers = 1, env, metrics, logRecords } = this.#options;
    this.#mediaPort = await freePorts(workers);
    const config = readConfig({
      ...serverVariables({ mediaPort: this.#mediaPort, workers }),
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'fatal',
      ...env,
    });
    const destination = logRecords && { write: (record: string) => logRecords.push(record) };
    this.#app = await createApp(
      config,
      this.limits,
      createLog(config, false, destination),
      metrics,
    );
  }

  /** @throws before the server has started */
  get app(): App {
    if (!this.#app) throw new Error('the server does not run');
    return this.#app;
  }

  get url(): string {
    return `http://127.0.0.1:${this.app.port}`;
  }

  /** First media port; the worker with index `i` has port `mediaPort + i`. */
  get mediaPort(): number {
    return this.#mediaPort;
  }

  /** A name that no other room of this server has. */
  newRoom(): string {
    this.#rooms += 1;
    return `room-${this.#rooms}`;
  }

  async connect(): Promise<SignalClient> {
    const client = await SignalClient.connect(this.url);
    this.#clients.push(client);
    return client;
  }

  async connectMany<N extends number>(count: N): Promise<Clients<N>> {
    const clients = await Promise.all(Array.from({ length: count }, () => this.connect()));
    return clients as Clients<N>;
  }

  /** The media worker with this index as it runs now. @throws when there is none */
  worker(index = 0): MediaWorker {
    const found = this.app.pool.workers.find((worker) => worker.index === index);
    if (!found) throw new Error(`there is no media worker ${index}`);
    return found;
  }

  /** The media worker that has this port. */
  workerOfPort(port: number | undefined): MediaWorker {
    if (port === undefined) throw new Error('no port');
    return this.worker(port - this.#mediaPort);
  }

  /** Sends a signal to the media worker with this index; returns the worker's pid. */
  killWorker(index = 0, signal: NodeJS.Signals = 'SIGKILL'): number {
    const { pid } = this.worker(index).worker;
    process.kill(pid, signal);
    return pid;
  }

  /** Resolves when another process runs in place of the media worker `pid`, and all are ready. */
  async workerReplaced(pid: number): Promise<void> {
    const { pool } = this.app;
    await waitUntil(
      'the worker is replaced',
      () => pool.ready && pool.workers.every(({ worker }) => worker.pid !== pid),
    );
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.app.metricsPort}/metrics`)).text();
  }

  /** One series of `/metrics`, e.g. `onecast_rooms{status="live"}`. @throws when it is missing */
  async metric(series: string): Promise<number> {
    const line = (await this.metrics()).split('\n').find((text) => text.startsWith(`${series} `));
    if (line === undefined) throw new Error(`there is no ${series}`);
    return Number(line.slice(series.length));
  }

  /** What the workers hold, from their own dumps and not from the app's counters. */
  async mediaInUse(): Promise<{ routers: number; transports: number; iceUsers: number }> {
    const left = { routers: 0, transports: 0, iceUsers: 0 };
    for (const { worker, webRtcServer, transports } of this.app.pool.workers) {
      left.routers += (await worker.dump()).routerIds.length;
      left.iceUsers += (await webRtcServer.dump()).localIceUsernameFragments.length;
      left.transports += transports;
    }
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.#app?.close();
  }
}
