/** Our server as `npm start` runs it, in its own processes. The bench joins by our signalling. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import type { AnswerOf } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { type Feedback, type Generator, pinned, type Stream } from '../loadgen/generator.ts';
import { LoadClient } from '#testkit/signalling/load-client.ts';
import { freePorts } from '#testkit/server/ports.ts';
import {
  type Broadcaster,
  type Contender,
  EXTENSIONS,
  PUBLISHER,
  REPORTS_ONLY,
  SSRC,
  type StartOptions,
} from './broadcaster.ts';

/**
 * The congestion feedback in the viewers' RTP capabilities:
 * - `twcc`: Chromium's own, of which the server chooses transport-cc
 * - `remb`: the same without transport-cc
 */
export const CONGESTION_CONTROLS = ['twcc', 'remb'] as const;
export type CongestionControl = (typeof CONGESTION_CONTROLS)[number];

export interface OnecastOptions {
  readonly id: string;
  readonly title: string;
  readonly congestion?: CongestionControl;
  /** Media workers; by default one for each core that the server may use. */
  readonly workers?: number;
  /** Also opens the overlay's data channel. */
  readonly data?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

const ROOM = 'bench';
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
  /** Number of joined viewers by the media port of their worker. */
  readonly viewersByPort = new Map<number, number>();
  readonly #url: string;
  readonly #congestion: CongestionControl;
  readonly #data: boolean;
  readonly #stop: () => Promise<void>;
  readonly #callers: LoadClient[] = [];

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
    { title, congestion = 'twcc', data = false }: OnecastOptions,
    url: string,
    pid: number,
    stop: () => Promise<void>,
  ) {
    this.name = title;
    this.pids = [pid];
    this.#url = url;
    this.#congestion = congestion;
    this.#data = data;
    this.#stop = stop;
  }

  async publish(generator: Generator): Promise<Stream> {
    const caller = await this.#caller(PUBLISHER);
    const { transport } = (await caller.request('publish', {
      protocol: PROTOCOL_VERSION,
      room: ROOM,
    })) as AnswerOf<'publish'>;
    await this.#connect(generator, caller, transport, PUBLISHER, 0, true, REPORTS_ONLY);
    if (this.#data) {
      const sctpStreamParameters = { streamId: 0, ordered: false, maxPacketLifeTime: 500 };
      await caller.request('produceData', { transportId: transport.id, sctpStreamParameters });
    }
    await caller.request('produce', {
      transportId: transport.id,
      kind: 'video',
      rtpParameters: oneLayer(),
    });
    const { mid, absSendTime, transportCc } = EXTENSIONS;
    return {
      ssrc: SSRC,
      payloadType: PAYLOAD_TYPE,
      mid: mid.id,
      absSendTime: absSendTime.id,
      transportCc: transportCc.id,
    };
  }

  async watch(generator: Generator, id: number, sampled: boolean): Promise<void> {
    const caller = await this.#caller(id);
    const answer = (await caller.request('join', {
      protocol: PROTOCOL_VERSION,
      room: ROOM,
      rtpCapabilities: capabilities(this.#congestion),
    })) as AnswerOf<'join'>;
    const video = answer.media.consumers.find(({ kind }) => kind === 'video');
    const ssrc = video?.rtpParameters.encodings?.[0]?.ssrc;
    if (!video || ssrc === undefined) throw new Error('nothing is broadcast');
    const feedback = feedbackOf(video.rtpParameters);
    const port = answer.transport.iceCandidates[0]?.port ?? 0;
    this.viewersByPort.set(port, (this.viewersByPort.get(port) ?? 0) + 1);
    await this.#connect(generator, caller, answer.transport, id, ssrc, sampled, feedback);
    await caller.request('resumeConsumers', {
      consumerIds: answer.media.consumers.map((consumer) => consumer.id),
    });
  }

  async close(): Promise<void> {
    for (const caller of this.#callers) caller.close();
    await this.#stop();
  }

  async #caller(index: number): Promise<LoadClient> {
    const caller = new LoadClient(this.#url, index);
    this.#callers.push(caller);
    await caller.connected();
    return caller;
  }

  async #connect(
    generator: Generator,
    caller: LoadClient,
    transport: AnswerOf<'join'>['transport'],
    id: number,
    ssrc: number,
    sampled: boolean,
    feedback: Feedback,
  ): Promise<void> {
    const candidate = transport.iceCandidates.find(({ protocol }) => protocol === 'udp');
    if (!candidate) throw new Error('no candidate');
    const up = this.#data ? generator.dataUp(id) : generator.up(id);
    const { usernameFragment, password } = transport.iceParameters;
    const { ip, port } = candidate;
    generator.open({
      id,
      ip,
      port,
      usernameFragment,
      password,
      ssrc,
      sampled,
      feedback,
      data: this.#data,
    });
    await caller.request('connectTransport', {
      transportId: transport.id,
      dtlsParameters: {
        role: 'client',
        fingerprints: [{ algorithm: 'sha-256', value: generator.fingerprint }],
      },
    });
    await up;
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

const PAYLOAD_TYPE = 96;

/** RTP parameters that a browser sends for VP8 without layers. */
function oneLayer(): object {
  const { mid, absSendTime, transportCc } = EXTENSIONS;
  const [vp8, rtx] = fixture.simulcastVp8.codecs;
  return {
    mid: '0',
    codecs: [
      { ...vp8, payloadType: PAYLOAD_TYPE },
      { ...rtx, payloadType: PAYLOAD_TYPE + 1, parameters: { apt: PAYLOAD_TYPE } },
    ],
    headerExtensions: [mid, absSendTime, transportCc].map((extension) => ({
      ...extension,
      encrypt: false,
      parameters: {},
    })),
    encodings: [{ ssrc: SSRC, rtx: { ssrc: SSRC + 1 }, dtx: false }],
    rtcp: { cname: 'bench', reducedSize: true },
  };
}

function capabilities(congestion: CongestionControl): object {
  const { rtpCapabilities } = fixture;
  if (congestion === 'twcc') return rtpCapabilities;
  const codecs = rtpCapabilities.codecs.map((codec) => ({
    ...codec,
    rtcpFeedback: codec.rtcpFeedback.filter(({ type }) => type !== 'transport-cc'),
  }));
  const headerExtensions = rtpCapabilities.headerExtensions.filter(
    ({ uri }) => uri !== EXTENSIONS.transportCc.uri,
  );
  return { ...rtpCapabilities, codecs, headerExtensions };
}

/** The feedback that a browser with these RTP parameters sends. */
function feedbackOf(parameters: {
  readonly codecs: readonly { readonly rtcpFeedback?: readonly { readonly type: string }[] }[];
  readonly headerExtensions?: readonly { readonly uri: string; readonly id: number }[];
}): Feedback {
  const types = parameters.codecs.flatMap(({ rtcpFeedback }) => rtcpFeedback ?? []);
  const extension = parameters.headerExtensions?.find(
    ({ uri }) => uri === EXTENSIONS.transportCc.uri,
  );
  if (extension && types.some(({ type }) => type === 'transport-cc')) {
    return { kind: 'twcc', id: extension.id };
  }
  return { kind: types.some(({ type }) => type === 'goog-remb') ? 'remb' : 'rr' };
}
