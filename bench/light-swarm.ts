/**
 * Many viewers who come within a second, without a browser: each has its own socket and speaks the
 * protocol, each does ICE, DTLS and SRTP (swarm/viewers.c) and counts what it receives. They cost
 * so little that what is measured is the server.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { io, type Socket } from 'socket.io-client';
import fixture from '../backend/src/protocol/fixtures/chromium-156.json' with { type: 'json' };
import type { AnswerOf } from '../backend/src/protocol/signalling.ts';
import { PROTOCOL_VERSION } from '../backend/src/protocol/version.ts';
import { type Spread, spreadOf, tenth } from './support/figures.ts';
import { type Camera, type Measured, ROOM, Scene } from './support/scene.ts';

export interface LightSwarmOptions {
  readonly viewers: number;
  readonly camera?: Camera;
  readonly spreadMs?: number;
  readonly deadlineMs?: number;
}

export interface LightSwarmResult extends Measured {
  readonly viewers: number;
  readonly camera: Camera;
  readonly errors: readonly string[];
  readonly withPackets: number;
  /** First packets that began a key frame, so that a browser could have shown it. */
  readonly withKeyFrame: number;
  /** From the end of the rush on, packets that all viewers got in a second, and could not decrypt. */
  readonly packetsPerSecond: number;
  readonly brokenPackets: number;
  /** ms after each viewer's own start. */
  readonly seen: Readonly<Record<Step, Spread>>;
  /** Each viewer's time to its first packet, ms. */
  readonly packetMs: readonly number[];
  /** `join` sent to answer there, ms. */
  readonly joinAnswer: Spread;
}

const STEPS = ['socket', 'joined', 'ice', 'dtls', 'packet'] as const;
type Step = (typeof STEPS)[number];

export async function lightSwarm({
  viewers,
  camera = 'tiny',
  spreadMs = 1_000,
  deadlineMs = 30_000,
}: LightSwarmOptions): Promise<LightSwarmResult> {
  const folder = mkdtempSync(join(tmpdir(), 'onecast-swarm-'));
  const closers: (() => void | Promise<void>)[] = [
    () => rmSync(folder, { recursive: true, force: true }),
  ];
  try {
    const media = await MediaSide.start(await compiled(folder));
    closers.push(() => media.close());
    const scene = await Scene.open(camera);
    closers.push(() => scene.close());
    const all: LightViewer[] = [];
    closers.push(() => all.forEach((viewer) => viewer.close()));

    const ownCpu = process.cpuUsage();
    const measured = await scene.measure([media.pid], async () => {
      const started = performance.now();
      for (let i = 0; i < viewers; i += 1) {
        await delay(Math.max(0, started + (i * spreadMs) / viewers - performance.now()));
        all.push(new LightViewer(i, scene.server.url, media));
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
    const times = (step: Step) => all.flatMap(({ at }) => at[step] ?? []);
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
        joined: spreadOf(times('joined')),
        ice: spreadOf(times('ice')),
        dtls: spreadOf(times('dtls')),
        packet: spreadOf(times('packet')),
      },
      packetMs: times('packet'),
      joinAnswer: spreadOf(
        all.flatMap(({ at: { socket, joined } }) =>
          socket === undefined || joined === undefined ? [] : [joined - socket],
        ),
      ),
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

/** Signalling of one viewer; its media is the MediaSide's. */
class LightViewer {
  readonly at: Partial<Record<Step, number>> = {};
  error: string | undefined;
  keyFrameFirst = false;
  readonly #id: number;
  readonly #media: MediaSide;
  readonly #socket: Socket;
  readonly #started = clockMs();

  constructor(id: number, url: string, media: MediaSide) {
    this.#id = id;
    this.#media = media;
    this.#socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true });
    this.#socket.once('connect', () => {
      this.#reached('socket');
      this.#join().catch((error: unknown) => this.#fail(String(error)));
    });
    this.#socket.once('connect_error', (error) => this.#fail(String(error)));
    this.#socket.once('disconnect', (reason) => this.#fail(`the socket was lost: ${reason}`));
    this.#socket.once('transportGone', () => this.#fail('the server closed the transport'));
    media.listen(id, (event, us, detail) => {
      if (event === 'error') this.#fail(detail);
      else this.#reached(event, us / 1000);
      if (event === 'packet') this.keyFrameFirst = detail === 'key';
    });
  }

  get done(): boolean {
    return this.error !== undefined || this.at.packet !== undefined;
  }

  close(): void {
    this.#socket.off();
    this.#socket.disconnect();
  }

  async #join(): Promise<void> {
    const { rtpCapabilities } = fixture;
    const join = { protocol: PROTOCOL_VERSION, room: ROOM, rtpCapabilities };
    const { transport, media } = (await this.#ask('join', join)) as AnswerOf<'join'>;
    this.#reached('joined');
    const video = media.consumers.find(({ kind }) => kind === 'video');
    const ssrc = video?.rtpParameters.encodings?.[0]?.ssrc;
    if (ssrc === undefined) throw new Error('nothing is broadcast');
    const candidate = transport.iceCandidates.find(({ protocol }) => protocol === 'udp');
    if (!candidate) throw new Error('no candidate');
    // As a page does: none of the three waits for the other.
    const { usernameFragment, password } = transport.iceParameters;
    const { ip, port } = candidate;
    this.#media.open([this.#id, ip, port, usernameFragment, password, `v${this.#id}xx`, ssrc]);
    await Promise.all([
      this.#ask('connectTransport', {
        transportId: transport.id,
        dtlsParameters: {
          role: 'client',
          fingerprints: [{ algorithm: 'sha-256', value: this.#media.fingerprint }],
        },
      }),
      this.#ask('resumeConsumers', { consumerIds: media.consumers.map(({ id }) => id) }),
    ]);
  }

  async #ask(name: string, payload: object): Promise<unknown> {
    const result = (await this.#socket
      .timeout(20_000)
      .emitWithAck(name, { requestId: name, ...payload })) as
      | { ok: true; value: unknown }
      | { ok: false; code: string };
    if (!result.ok) throw new Error(`${name}: ${result.code}`);
    return result.value;
  }

  #reached(step: Step, at = clockMs()): void {
    this.at[step] ??= at - this.#started;
  }

  #fail(error: string): void {
    this.error ??= error;
  }
}

type MediaEvent = 'ice' | 'dtls' | 'packet' | 'error';
type MediaListener = (event: MediaEvent, us: number, detail: string) => void;

/** The process of swarm/viewers.c. */
class MediaSide {
  readonly fingerprint: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #listeners = new Map<number, MediaListener>();
  #counted: ((counts: { received: number; broken: number }) => void) | undefined;

  static async start(program: string): Promise<MediaSide> {
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line', { signal: AbortSignal.timeout(10_000) })) as [string];
    const side = new MediaSide(child, line.replace('fingerprint ', ''));
    lines.on('line', (text) => side.#heard(text));
    return side;
  }

  private constructor(child: ChildProcess, fingerprint: string) {
    this.#child = child;
    this.fingerprint = fingerprint;
    this.pid = child.pid ?? 0;
  }

  listen(id: number, listener: MediaListener): void {
    this.#listeners.set(id, listener);
  }

  /** In the order that viewers.c says. */
  open(fields: readonly (string | number)[]): void {
    this.#child.stdin?.write(`open ${fields.join(' ')}\n`);
  }

  /** Packets that all viewers have got so far. */
  counts(): Promise<{ received: number; broken: number }> {
    return new Promise((resolve) => {
      this.#counted = resolve;
      this.#child.stdin?.write('counts\n');
    });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #heard(line: string): void {
    const [word = '', first = '', second = '', ...rest] = line.split(' ');
    if (word === 'counts') {
      this.#counted?.({ received: Number(first), broken: Number(second) });
    } else if (word === 'error') {
      this.#listeners.get(Number(first))?.('error', 0, [second, ...rest].join(' '));
    } else if (word === 'ice' || word === 'dtls' || word === 'packet') {
      this.#listeners.get(Number(first))?.(word, Number(second), rest.join(' '));
    }
  }
}

/** @throws where there is no C compiler, or OpenSSL or libsrtp2 lack their headers. */
async function compiled(folder: string): Promise<string> {
  const program = join(folder, 'viewers');
  const source = join(import.meta.dirname, 'swarm/viewers.c');
  await promisify(execFile)('cc', ['-O2', '-o', program, source, '-lssl', '-lcrypto', '-lsrtp2']);
  return program;
}

/** The clock that viewers.c writes. */
function clockMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
