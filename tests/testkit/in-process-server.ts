import { type App, createApp } from '#backend/app.ts';
import { createLog } from '#backend/observability/log.ts';
import type { Metrics } from '#backend/observability/metrics.ts';
import { readConfig } from '#config/env.ts';
import { LIMITS, type Limits } from '#config/limits.ts';
import { ONE_ADDRESS_LIMITS } from './one-address.ts';
import { freePorts } from './ports.ts';
import { SignalClient } from './signal-client.ts';

export interface InProcessServerOptions {
  readonly workers?: number;
  readonly limits?: Partial<Limits>;
  readonly env?: Readonly<Record<string, string>>;
  readonly metrics?: Metrics;
  /** Takes each record of the log. */
  readonly written?: string[];
}

/**
 * Signalling without media: the pages of these tests send no packet, so nothing may be concluded
 * from their silence.
 */
const SIGNALLING_ONLY = { publisherSilentMs: 3_600_000, dtlsDeadlineMs: 3_600_000 } as const;

/** The real app in this process, with real workers, on ports of its own. */
export class InProcessServer implements AsyncDisposable {
  readonly app: App;
  readonly limits: Limits;
  readonly mediaPort: number;
  readonly #clients: SignalClient[] = [];

  static async start(options: InProcessServerOptions = {}): Promise<InProcessServer> {
    const { workers = 1, limits, env, metrics, written } = options;
    const mediaPort = await freePorts(workers);
    const all: Limits = { ...LIMITS, ...ONE_ADDRESS_LIMITS, ...SIGNALLING_ONLY, ...limits };
    const config = readConfig({ ...environment(mediaPort, workers), PORT: '0', ...env });
    const app = await createApp(
      config,
      all,
      createLog(config, false, written && { write: (record) => written.push(record) }),
      metrics,
    );
    return new InProcessServer(app, all, mediaPort);
  }

  private constructor(app: App, limits: Limits, mediaPort: number) {
    this.app = app;
    this.limits = limits;
    this.mediaPort = mediaPort;
  }

  /** One series as `/metrics` has it, e.g. `onecast_rooms{status="live"}`. @throws where it is missing */
  async metric(series: string): Promise<number> {
    const line = (await this.metrics()).split('\n').find((text) => text.startsWith(`${series} `));
    if (line === undefined) throw new Error(`there is no ${series}`);
    return Number(line.slice(series.length));
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.app.metricsPort}/metrics`)).text();
  }

  get url(): string {
    return `http://127.0.0.1:${this.app.port}`;
  }

  async connect(): Promise<SignalClient> {
    const client = await SignalClient.connect(this.url);
    this.#clients.push(client);
    return client;
  }

  /** What the workers themselves still hold, asked of them and not of our own counters. */
  async mediaLeft(): Promise<{ routers: number; transports: number; iceUsers: number }> {
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
    await this.app.close();
  }
}

/** For the real app in a process of its own as well. */
export function environment(mediaPort: number, workers: number): Record<string, string> {
  const { MEDIASOUP_WORKER_BIN, MEDIA_EGRESS_LIBRARY, MEDIA_EGRESS_BATCHING } = process.env;
  return {
    HOST: '127.0.0.1',
    MEDIA_LISTEN_ADDRESS: '127.0.0.1',
    ANNOUNCED_ADDRESS: '127.0.0.1',
    MEDIA_PORT: String(mediaPort),
    METRICS_PORT: '0',
    WORKERS: String(workers),
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'fatal',
    ...(MEDIASOUP_WORKER_BIN !== undefined && { MEDIASOUP_WORKER_BIN }),
    ...(MEDIA_EGRESS_LIBRARY !== undefined && { MEDIA_EGRESS_LIBRARY }),
    ...(MEDIA_EGRESS_BATCHING !== undefined && { MEDIA_EGRESS_BATCHING }),
  };
}
