/** Debian's Janus with its videoroom plugin, controlled by its WebSocket API. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Generator, iceCredentials, type Stream } from '../loadgen/generator.ts';
import { GCM_FLAGS, GCM_LIBRARIES, pinned } from '../loadgen/loadgen.ts';
import { freePorts } from '#testkit/server/ports.ts';
import { kill } from '#testkit/processes.ts';
import {
  type Broadcaster,
  type Contender,
  PUBLISHER,
  REPORTS_ONLY,
  type StartOptions,
} from './broadcaster.ts';
import { JanusApi, type Jsep } from './janus-api.ts';
import { legPort, peerAddress } from './addresses.ts';
import { publisherOffer, readSdp, streamOf, viewerAnswer } from './sdp.ts';

export interface JanusOptions {
  readonly id: string;
  readonly title: string;
  /**
   * Path of a library to preload; Janus then also has an event loop for each core. Undefined: as
   * installed, with a thread per handle and SRTP on NSS.
   */
  readonly tuned?: string;
}

const ROOM = 4321;
const CONFIG = '/etc/janus';
const OTHER_TRANSPORTS = ['http', 'mqtt', 'nanomsg', 'pfunix', 'rabbitmq'];

/** Compiles the library that makes Janus encrypt with OpenSSL. @returns its path */
export async function compileJanusOpenssl(folder: string): Promise<string> {
  const library = join(folder, 'janus-openssl.so');
  const source = join(import.meta.dirname, 'janus-openssl.c');
  const words = ['-shared', '-fPIC', ...GCM_FLAGS, '-o', library, source, ...GCM_LIBRARIES, '-ldl'];
  await promisify(execFile)('cc', words);
  return library;
}

export function janus(options: JanusOptions): Contender {
  const { id, title } = options;
  return { id, title, start: (start) => JanusServer.start(options, start) };
}

class JanusServer implements Broadcaster {
  readonly name: string;
  readonly pids: readonly number[];
  readonly #api: JanusApi;
  readonly #stop: () => Promise<void>;

  static async start(options: JanusOptions, { core }: StartOptions): Promise<JanusServer> {
    const port = await freePorts(1);
    const folder = mkdtempSync(join(tmpdir(), 'onecast-janus-'));
    const cores = core === undefined ? availableParallelism() : 1;
    configure(folder, port, options.tuned === undefined ? undefined : cores);
    const [program, args] = pinned(core, ['janus', '-F', folder]);
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...(options.tuned !== undefined && { LD_PRELOAD: options.tuned }) },
    });
    const stop = async () => {
      await kill(child);
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      const api = await connected(`ws://127.0.0.1:${port}`, () => child.exitCode);
      return new JanusServer(options.title, api, child.pid ?? 0, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }

  private constructor(name: string, api: JanusApi, pid: number, stop: () => Promise<void>) {
    this.name = name;
    this.pids = [pid];
    this.#api = api;
    this.#stop = stop;
  }

  async publish(generator: Generator): Promise<Stream> {
    const handle = await this.#api.attach('janus.plugin.videoroom');
    await this.#api.message(handle, {
      request: 'create',
      room: ROOM,
      publishers: 1,
      videocodec: 'vp8',
      notify_joining: false,
    });
    await this.#api.message(handle, { request: 'join', ptype: 'publisher', room: ROOM, id: FEED });
    const own = ownSide(generator, PUBLISHER);
    const { jsep } = await this.#api.message(
      handle,
      { request: 'publish' },
      { type: 'offer', sdp: publisherOffer(own) },
    );
    const sdp = sdpOf(jsep);
    await this.#open(generator, PUBLISHER, sdp, true, true);
    return streamOf(sdp);
  }

  async watch(generator: Generator, id: number, sampled: boolean): Promise<void> {
    const handle = await this.#api.attach('janus.plugin.videoroom');
    const { jsep } = await this.#api.message(handle, {
      request: 'join',
      ptype: 'subscriber',
      room: ROOM,
      streams: [{ feed: FEED }],
    });
    const offer = sdpOf(jsep);
    const answer = viewerAnswer(offer, ownSide(generator, id));
    // Janus made the offer, so it controls ICE. It drops our packets until it has the answer.
    await this.#api.message(handle, { request: 'start' }, { type: 'answer', sdp: answer });
    await this.#open(generator, id, offer, sampled, false);
  }

  async close(): Promise<void> {
    this.#api.close();
    await this.#stop();
  }

  async #open(
    generator: Generator,
    id: number,
    theirs: string,
    sampled: boolean,
    controlling: boolean,
  ): Promise<void> {
    const { usernameFragment, password, ip, port, ssrc } = readSdp(theirs);
    const up = generator.up(id);
    generator.open({
      id,
      ip,
      port,
      usernameFragment,
      password,
      own: iceCredentials(id),
      ownPort: legPort(id),
      controlling,
      ssrc,
      sampled,
      feedback: REPORTS_ONLY,
    });
    await up;
  }
}

const FEED = 1;

function ownSide(generator: Generator, id: number) {
  const { fingerprint } = generator;
  return { credentials: iceCredentials(id), ip: peerAddress(), port: legPort(id), fingerprint };
}

function sdpOf(jsep: Jsep | undefined): string {
  if (!jsep) throw new Error('Janus sent no SDP');
  return jsep.sdp;
}

/** Debian's configuration, except for ports, loaded transports and event loops. */
function configure(folder: string, port: number, eventLoops: number | undefined): void {
  const settings: readonly (readonly [section: string, lines: readonly string[]])[] = [
    ['general', eventLoops === undefined ? [] : [`event_loops = ${eventLoops}`]],
    ['nat', [`ice_enforce_list = "${peerAddress()}"`]],
    ['transports', [`disable = "${OTHER_TRANSPORTS.map((name) => `libjanus_${name}.so`).join()}"`]],
  ];
  let text = readFileSync(join(CONFIG, 'janus.jcfg'), 'utf8').replace(
    /debug_level = \d/,
    'debug_level = 2',
  );
  for (const [section, lines] of settings) {
    text = text.replace(`\n${section}: {\n`, (head) => `${head}${lines.join('\n')}\n`);
  }
  writeFileSync(join(folder, 'janus.jcfg'), text);
  writeFileSync(
    join(folder, 'janus.transport.websockets.jcfg'),
    `general: {\n  ws = true\n  ws_port = ${port}\n  ws_ip = "127.0.0.1"\n}\n`,
  );
}

async function connected(url: string, ended: () => unknown): Promise<JanusApi> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await JanusApi.open(url);
    } catch (error) {
      if (tries === 100 || ended() !== null) {
        throw new Error('Janus does not start', { cause: error });
      }
      await delay(50);
    }
  }
}
