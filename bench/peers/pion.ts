/** A minimal broadcaster on Debian's Pion (pion/main.go); the bench compiles it. */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Generator, iceCredentials, type Stream } from '../loadgen/generator.ts';
import { pinned } from '../loadgen/loadgen.ts';
import { freePorts } from '#testkit/server/ports.ts';
import { kill } from '#testkit/processes.ts';
import {
  type Broadcaster,
  type Contender,
  PUBLISHER,
  REPORTS_ONLY,
  type StartOptions,
} from './broadcaster.ts';
import { legPort, peerAddress } from './addresses.ts';
import { publisherOffer, readSdp, streamOf, viewerOffer } from './sdp.ts';

export interface PionOptions {
  readonly id: string;
  readonly title: string;
  /** Without NACK, RTCP reports and TWCC. */
  readonly plain?: boolean;
  /** Also opens a data channel. */
  readonly data?: boolean;
  readonly program: string;
}

/** Debian installs Go modules as a GOPATH. @returns the program's path @throws if Go or Pion is missing */
export async function compilePion(folder: string): Promise<string> {
  const program = join(folder, 'pion-broadcaster');
  const source = join(import.meta.dirname, 'pion/main.go');
  await promisify(execFile)('go', ['build', '-o', program, source], {
    env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' },
  });
  return program;
}

export function pion(options: PionOptions): Contender {
  const { id, title } = options;
  return { id, title, start: (start) => PionServer.start(options, start) };
}

class PionServer implements Broadcaster {
  readonly name: string;
  readonly pids: readonly number[];
  readonly #url: string;
  readonly #data: boolean;
  readonly #stop: () => Promise<void>;

  static async start(options: PionOptions, { core }: StartOptions): Promise<PionServer> {
    const port = await freePorts(1);
    const ip = peerAddress();
    const flags = ['-listen', `127.0.0.1:${port}`, '-ip', ip, ...(options.plain ? ['-plain'] : [])];
    const [program, args] = pinned(core, [options.program, ...flags]);
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const stop = () => kill(child);
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; ; tries += 1) {
      if (await fetch(url).catch(() => undefined)) break;
      if (tries === 100 || child.exitCode !== null) {
        await stop();
        throw new Error('the Pion broadcaster does not start');
      }
      await delay(50);
    }
    return new PionServer(options, url, child.pid ?? 0, stop);
  }

  private constructor(
    { title, data = false }: PionOptions,
    url: string,
    pid: number,
    stop: () => Promise<void>,
  ) {
    this.name = title;
    this.#data = data;
    this.pids = [pid];
    this.#url = url;
    this.#stop = stop;
  }

  async publish(generator: Generator): Promise<Stream> {
    const answer = await this.#connect(generator, PUBLISHER, true, 'publish');
    return streamOf(answer);
  }

  async watch(generator: Generator, id: number, sampled: boolean): Promise<void> {
    await this.#connect(generator, id, sampled, 'watch');
  }

  close(): Promise<void> {
    return this.#stop();
  }

  async #connect(
    generator: Generator,
    id: number,
    sampled: boolean,
    way: 'publish' | 'watch',
  ): Promise<string> {
    const own = {
      credentials: iceCredentials(id),
      ip: peerAddress(),
      port: legPort(id),
      fingerprint: generator.fingerprint,
      data: this.#data,
    };
    const sdp = way === 'publish' ? publisherOffer(own) : viewerOffer(own);
    const response = await fetch(`${this.#url}/${way}`, {
      method: 'POST',
      body: JSON.stringify({ type: 'offer', sdp }),
    });
    if (!response.ok) throw new Error(`Pion: ${await response.text()}`);
    const answer = ((await response.json()) as { sdp: string }).sdp;
    const { usernameFragment, password, ip, port, ssrc } = readSdp(answer);
    const up = this.#data ? generator.dataUp(id) : generator.up(id);
    generator.open({
      id,
      ip,
      port,
      usernameFragment,
      password,
      own: own.credentials,
      ownPort: own.port,
      ssrc,
      sampled,
      feedback: REPORTS_ONLY,
      data: this.#data,
    });
    await up;
    return answer;
  }
}
