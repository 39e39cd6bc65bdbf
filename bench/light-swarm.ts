/**
 * Many viewers that join within a second, without a browser: each has its own socket and uses our
 * protocol; the load generator does ICE, DTLS and SRTP and counts what it receives. The viewers cost so
 * little that the bench measures the server.
 */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { type AnswerOf, JOIN_PATH } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import type { Generator } from './loadgen/generator.ts';
import { Loadgen } from './loadgen/loadgen.ts';
import { loopbackAddress, LoadClient, postRequest } from '#testkit/signalling/load-client.ts';
import { type Spread, spreadOf, tenth } from './report/stats.ts';
import { type Camera, type Measured, ROOM, MeasuredBroadcast } from './swarm/measured-broadcast.ts';

export type SwarmWay = 'ahead' | 'socket';

export interface LightSwarmOptions {
  readonly viewers: number;
  /** How they join: by HTTP ahead of their sockets, as pages do, or over their sockets. */
  readonly way?: SwarmWay;
  readonly camera?: Camera;
  readonly spreadMs?: number;
  readonly deadlineMs?: number;
}

export interface LightSwarmResult extends Measured {
  readonly viewers: number;
  readonly camera: Camera;
  readonly errors: readonly string[];
  readonly withPackets: number;
  /** Viewers whose first packet began a key frame, which a browser can show. */
  readonly withKeyFrame: number;
  /** After all have joined: packets per second of all viewers, and packets that could not be decrypted. */
  readonly packetsPerSecond: number;
  readonly brokenPackets: number;
  /** ms after each viewer's own start. */
  readonly seen: Readonly<Record<LightStep, Spread>>;
  /** Each viewer's time to its first packet, ms. */
  readonly packetMs: readonly number[];
  /** Time from sending `join` to its answer, ms. */
  readonly joinAnswer: Spread;
  /** For each viewer: how many viewers sent their request later and got their answer earlier. */
  readonly overtaken: Spread;
  /** Growth of resident memory per viewer, kB. */
  readonly memoryKb: { readonly node: number; readonly workers: number };
}

const STEPS = ['socket', 'asked', 'joined', 'ice', 'dtls', 'packet'] as const;
type LightStep = (typeof STEPS)[number];

export async function lightSwarm({
  viewers,
  way = 'socket',
  camera = 'tiny',
  spreadMs = 1_000,
  deadlineMs = 30_000,
}: LightSwarmOptions): Promise<LightSwarmResult> {
  const loadgen = await Loadgen.compile();
  const closers: (() => void | Promise<void>)[] = [() => loadgen.close()];
  try {
    const media = await loadgen.start();
    closers.push(() => media.close());
    const broadcast = await MeasuredBroadcast.open(camera);
    closers.push(() => broadcast.close());
    const all: LightViewer[] = [];
    closers.push(() => all.forEach((viewer) => viewer.close()));

    const memoryBefore = await broadcast.memory();
    const ownCpu = process.cpuUsage();
    const measured = await broadcast.measure([media.pid], async () => {
      const started = performance.now();
      for (let i = 0; i < viewers; i += 1) {
        await delay(Math.max(0, started + (i * spreadMs) / viewers - performance.now()));
        all.push(new LightViewer(i, broadcast.server.url, media, way));
      }
      while (performance.now() - started < deadlineMs && !all.every(({ done }) => done)) {
        await delay(20);
      }
    });
    const { user, system } = process.cpuUsage(ownCpu);
    const own = (user + system) / 1e6;

    const first = await media.counts();
    await delay(2_000);
    const second = await media.counts();
    const memory = await broadcast.memory();
    const perViewer = (who: keyof typeof memory) =>
      Math.round((memory[who] - memoryBefore[who]) / viewers / 1000);
    const times = (step: LightStep) => all.flatMap(({ at }) => at[step] ?? []);
    const { value: _, cpu, ...rest } = measured;
    return {
      viewers,
      camera,
      errors: all.flatMap(({ error }) => error ?? []),
      withPackets: times('packet').length,
      withKeyFrame: all.filter(({ keyFrameFirst }) => keyFrameFirst).length,
      packetsPerSecond: Math.round((second.received - first.received) / 2),
      brokenPackets: second.broken,
      seen: {
        socket: spreadOf(times('socket')),
        asked: spreadOf(times('asked')),
        joined: spreadOf(times('joined')),
        ice: spreadOf(times('ice')),
        dtls: spreadOf(times('dtls')),
        packet: spreadOf(times('packet')),
      },
      packetMs: times('packet'),
      joinAnswer: spreadOf(
        all.flatMap(({ at: { asked, joined } }) =>
          asked === undefined || joined === undefined ? [] : [joined - asked],
        ),
      ),
      overtaken: spreadOf(overtakenCounts(all)),
      memoryKb: { node: perViewer('node'), workers: perViewer('workers') },
      ...rest,
      cpu: {
        ...cpu,
        viewers: tenth(cpu.viewers + own),
        others: tenth(Math.max(0, cpu.others - own)),
      },
    };
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

function overtakenCounts(all: readonly LightViewer[]): number[] {
  const answered = all.flatMap(({ started, at: { asked, joined } }) =>
    asked === undefined || joined === undefined
      ? []
      : [{ asked: started + asked, joined: started + joined }],
  );
  return answered.map(
    (one) => answered.filter((two) => two.asked > one.asked && two.joined < one.joined).length,
  );
}

const JOIN = {
  protocol: PROTOCOL_VERSION,
  room: ROOM,
  rtpCapabilities: fixture.rtpCapabilities,
} as const;

/** The signalling of one viewer; the generator does its media. */
class LightViewer {
  readonly at: Partial<Record<LightStep, number>> = {};
  error: string | undefined;
  keyFrameFirst = false;
  readonly #id: number;
  readonly #media: Generator;
  readonly #caller: LoadClient;
  readonly started = clockMs();
  readonly #up: Promise<void>;

  constructor(id: number, url: string, media: Generator, way: SwarmWay) {
    this.#id = id;
    this.#media = media;
    this.#caller = new LoadClient(url, id);
    const { socket } = this.#caller;
    this.#up = new Promise((resolve) => {
      socket.once('connect', () => {
        this.#reached('socket');
        resolve();
      });
    });
    const joined = way === 'ahead' ? this.#joinAhead(url) : this.#join();
    joined.catch((error: unknown) => this.#fail(String(error)));
    socket.once('connect_error', (error) => this.#fail(String(error)));
    socket.once('disconnect', (reason) => this.#fail(`the socket was lost: ${reason}`));
    socket.once('transportGone', () => this.#fail('the server closed the transport'));
    media.listen(id, (event, us, detail) => {
      if (event === 'error') this.#fail(detail);
      else if (event !== 'data') this.#reached(event, us / 1000);
      if (event === 'packet') this.keyFrameFirst = detail === 'key';
    });
  }

  get done(): boolean {
    return this.error !== undefined || this.at.packet !== undefined;
  }

  close(): void {
    this.#caller.close();
  }

  async #join(): Promise<void> {
    await this.#up;
    this.#reached('asked');
    const { transport, media } = (await this.#caller.request('join', JOIN)) as AnswerOf<'join'>;
    this.#begin(transport, media);
    // As a page does: the requests do not wait for each other.
    await Promise.all([
      this.#caller.request('connectTransport', {
        transportId: transport.id,
        dtlsParameters: this.#dtlsParameters,
      }),
      this.#caller.request('resumeConsumers', { consumerIds: media.consumers.map(({ id }) => id) }),
    ]);
  }

  async #joinAhead(url: string): Promise<void> {
    const agent = new Agent({ localAddress: loopbackAddress(this.#id) });
    const request = { requestId: 'ahead', ...JOIN, dtlsParameters: this.#dtlsParameters };
    this.#reached('asked');
    const answer = await postRequest(new URL(JOIN_PATH, url), agent, JSON.stringify(request));
    const { transport, media, session } = answer as AnswerOf<'join'>;
    this.#begin(transport, media);
    await this.#up;
    await this.#caller.request('attach', { protocol: PROTOCOL_VERSION, ...session });
  }

  get #dtlsParameters(): object {
    const fingerprints = [{ algorithm: 'sha-256', value: this.#media.fingerprint }];
    return { role: 'client', fingerprints };
  }

  #begin(transport: AnswerOf<'join'>['transport'], media: AnswerOf<'join'>['media']): void {
    this.#reached('joined');
    const video = media.consumers.find(({ kind }) => kind === 'video');
    const ssrc = video?.rtpParameters.encodings?.[0]?.ssrc;
    if (ssrc === undefined) throw new Error('nothing is broadcast');
    const candidate = transport.iceCandidates.find(({ protocol }) => protocol === 'udp');
    if (!candidate) throw new Error('no candidate');
    const { usernameFragment, password } = transport.iceParameters;
    const { ip, port } = candidate;
    this.#media.open({
      id: this.#id,
      ip,
      port,
      usernameFragment,
      password,
      ssrc,
      sampled: true,
      feedback: { kind: 'rr' },
    });
  }

  #reached(step: LightStep, at = clockMs()): void {
    this.at[step] ??= at - this.started;
  }

  #fail(error: string): void {
    this.error ??= error;
  }
}

/** The same clock as the generator's. */
function clockMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
