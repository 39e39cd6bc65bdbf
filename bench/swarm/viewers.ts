/**
 * Runs in an empty page: many viewers built from the product's own modules (socket, protocol,
 * receiver), without what a viewer page adds: no element shows the video, and nothing detects stalls.
 */
import { OnecastError } from '#protocol/errors.ts';
import { type RoomId, RoomIdSchema } from '#protocol/ids.ts';
import { type PageConfig, PageConfigSchema } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import * as v from 'valibot';
import { SignalClient } from '#client/connection/signal-client.ts';
import { loadDevice } from '#client/media/device.ts';
import { Receiver } from '#client/media/receive.ts';
import { flowSampleOf } from '#client/media/stats.ts';

export interface SwarmOrder {
  readonly room: string;
  readonly viewers: number;
  readonly spreadMs: number;
  readonly deadlineMs: number;
}

/** When a viewer reached each step, ms after its start. */
export interface ViewerSteps {
  error: string | null;
  socketsLost: number;
  socket?: number;
  joined?: number;
  /** ICE and DTLS. */
  connected?: number;
  packet?: number;
  frame?: number;
}

/** Not shorter, because reading the stats of 200 peer connections costs processor time. */
const POLL_MS = 100;
const RETRY_MS = 300;

class SwarmViewer {
  readonly steps: ViewerSteps = { error: null, socketsLost: 0 };
  readonly #signalling: SignalClient;
  readonly #receiver: Receiver;
  readonly #startedAt = performance.now();

  constructor(room: RoomId, device: Awaited<ReturnType<typeof loadDevice>>) {
    this.#receiver = new Receiver(device, new MediaStream(), {
      connect: (transportId, dtlsParameters) =>
        this.#send(this.#signalling.request('connectTransport', { transportId, dtlsParameters })),
      stateChanged: (state) => {
        if (state === 'connected') this.steps.connected = this.#now();
        if (state === 'failed') this.#fail('ICE or DTLS failed');
      },
      consumersReady: (consumers) => {
        const consumerIds = consumers.map(({ id }) => id);
        this.#send(this.#signalling.request('resumeConsumers', { consumerIds }));
      },
      data: () => undefined,
      tracksChanged: () => undefined,
      mayReceive: () => Promise.resolve(),
      receiverCreated: () => undefined,
    });
    this.#signalling = new SignalClient({
      up: () => {
        this.steps.socket = this.#now();
        this.#send(this.#join(room, device.recvRtpCapabilities));
      },
      down: () => this.#lostSocket(),
      push: { transportGone: () => this.#fail('the server closed the transport') },
    });
    this.#signalling.open();
  }

  get done(): boolean {
    return this.steps.error !== null || this.steps.frame !== undefined;
  }

  async checkProgress(): Promise<void> {
    if (this.steps.connected === undefined) return;
    const { packets, frames } = flowSampleOf(await this.#receiver.getStats(), 0);
    if (packets > 0) this.steps.packet ??= this.#now();
    if (frames > 0) this.steps.frame ??= this.#now();
  }

  /** Frames decoded so far. */
  async frames(): Promise<number> {
    return flowSampleOf(await this.#receiver.getStats(), 0).frames;
  }

  async close(): Promise<void> {
    await this.#signalling.request('leave', {}).catch(() => undefined);
    this.#signalling.close();
    this.#receiver.close();
  }

  async #join(room: RoomId, rtpCapabilities: object): Promise<void> {
    const answer = await this.#signalling.request('join', {
      protocol: PROTOCOL_VERSION,
      room,
      rtpCapabilities,
    });
    this.steps.joined = this.#now();
    if (answer.media.consumers.length === 0) this.#fail('nothing is broadcast');
    this.#receiver.open(answer.transport);
    await this.#receiver.reconcile(answer.media);
  }

  #send(request: Promise<unknown>): void {
    request.catch((error: unknown) => {
      // A missing answer is not a refusal: #lostSocket handles it.
      if (error instanceof OnecastError) this.#fail(error.code);
    });
  }

  /**
   * A browser opens many sockets of one page only slowly, so a viewer tries again. After joining, its
   * media no longer needs the socket.
   */
  #lostSocket(): void {
    this.steps.socketsLost += 1;
    if (this.steps.joined === undefined) setTimeout(() => this.#signalling.open(), RETRY_MS);
  }

  #fail(error: string): void {
    this.steps.error ??= error;
  }

  #now(): number {
    return performance.now() - this.#startedAt;
  }
}

const viewers: SwarmViewer[] = [];

/** Resolves when every viewer has shown a frame or failed, or at the deadline. */
async function start({ room, viewers: count, spreadMs, deadlineMs }: SwarmOrder) {
  const roomId = v.parse(RoomIdSchema, room);
  const device = await loadDevice(await pageConfig(), 'recvonly');
  const started = performance.now();
  for (let i = 0; i < count; i += 1) {
    setTimeout(() => viewers.push(new SwarmViewer(roomId, device)), (i * spreadMs) / count);
  }
  while (performance.now() - started < deadlineMs) {
    await pause(POLL_MS);
    await Promise.all(viewers.filter(({ done }) => !done).map((viewer) => viewer.checkProgress()));
    if (viewers.length === count && viewers.every(({ done }) => done)) break;
  }
  return viewers.map(({ steps }) => steps);
}

async function frames(): Promise<number[]> {
  return Promise.all(viewers.map((viewer) => viewer.frames()));
}

async function stop(): Promise<void> {
  await Promise.all(viewers.map((viewer) => viewer.close()));
}

/** The configuration that the server writes into its pages. */
async function pageConfig(): Promise<PageConfig> {
  const html = await (await fetch('/join')).text();
  const element = new DOMParser().parseFromString(html, 'text/html').querySelector('#onecast-page');
  return v.parse(PageConfigSchema, JSON.parse(element?.textContent ?? ''));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export type Swarm = { start: typeof start; frames: typeof frames; stop: typeof stop };
Object.assign(globalThis, { swarm: { start, frames, stop } satisfies Swarm });
