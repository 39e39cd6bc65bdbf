/** Our server as `npm start` runs it, in its own processes. The bench joins by our signalling. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Generator, Stream } from '../loadgen/generator.ts';
import { pinned } from '../loadgen/loadgen.ts';
import { freePorts } from '#testkit/server/ports.ts';
import type { Broadcaster, Contender, StartOptions } from './broadcaster.ts';
import { OnecastRoom, type OnecastRoomOptions } from './onecast-room.ts';

export interface OnecastOptions extends Pick<OnecastRoomOptions, 'congestion' | 'data'> {
  readonly id: string;
  readonly title: string;
  /** Media workers; by default one for each core that the server may use. */
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const ROOT = join(import.meta.dirname, '../..');
const START_DEADLINE_MS = 20_000;

export function onecast(options: OnecastOptions): Contender {
  return {
    id: options.id,
    title: options.title,
    start: (start) => OnecastServer.start(options, start),
  };
}

export class OnecastServer implements Broadcaster {
  readonly name: string;
  readonly pids: readonly number[];
  readonly #room: OnecastRoom;
  readonly #stop: () => Promise<void>;

  static async start(options: OnecastOptions, { core }: StartOptions): Promise<OnecastServer> {
    const { workers = core === undefined ? availableParallelism() : 1, env = {} } = options;
    const ports = await freePorts(workers + 1);
    const [program, args] = pinned(core, [process.execPath, 'backend/src/main.ts']);
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        HOST: '127.0.0.1',
        PORT: String(ports),
        MEDIA_PORT: String(ports + 1),
        METRICS_PORT: '0',
        MEDIA_LISTEN_ADDRESS: '127.0.0.1',
        ANNOUNCED_ADDRESS: '127.0.0.1',
        WORKERS: String(workers),
        LOG_LEVEL: 'warn',
        ...env,
      },
    });
    const stop = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(late);
    };
    const url = `http://127.0.0.1:${ports}`;
    try {
      await healthy(url, () => child.exitCode ?? child.signalCode);
      return new OnecastServer(options, url, child.pid ?? 0, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }

  private constructor(
    options: OnecastOptions,
    url: string,
    pid: number,
    stop: () => Promise<void>,
  ) {
    this.name = options.title;
    this.pids = [pid];
    this.#room = new OnecastRoom(url, options);
    this.#stop = stop;
  }

  /** Number of joined viewers by the media port of their worker. */
  get viewersByPort(): ReadonlyMap<number, number> {
    return this.#room.viewersByPort;
  }

  publish(generator: Generator): Promise<Stream> {
    return this.#room.publish(generator);
  }

  async watch(generator: Generator, id: number, sampled: boolean): Promise<void> {
    await this.#room.watch(generator, id, sampled);
  }

  async close(): Promise<void> {
    this.#room.close();
    await this.#stop();
  }
}

async function healthy(url: string, ended: () => unknown): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  for (;;) {
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
    if (ended() !== null) throw new Error('the server ended while it started');
    if (performance.now() > deadline) throw new Error('the server does not start');
    await delay(50);
  }
}
