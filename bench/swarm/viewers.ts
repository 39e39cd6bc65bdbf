/**
 * Runs in a page of its own: many viewers in one, made of the product's own parts (socket, protocol,
 * receiver) without what a page adds: no element shows them and nobody watches for stalls.
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
import type { SwarmOrder, ViewerSteps } from '../swarm.ts';

/** Reading the figures of 200 peer connections is work too. */
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
        this.#ask(this.#signalling.request('connectTransport', { transportId, dtlsParameters })),
      stateChanged: (state) => {
        if (state === 'connected') this.steps.connected = this.#now();
        if (state === 'failed') this.#fail('ICE or DTLS failed');
      },
      consumersReady: (consumers) => {
        const consumerIds = consumers.map(({ id }) => id);
        this.#ask(this.#signalling.request('resumeConsumers', { consumerIds }));
      },
      data: () => undefined,
      tracksChanged: () => undefined,
      mayReceive: () => Promise.resolve(),
      receiverCreated: () => undefined,
    });
    this.#signalling = new SignalClient({
      up: () => {
        this.steps.socket = this.#now();
        this.#ask(this.#join(room, device.recvRtpCapabilities));
      },
      down: () => this.#lostSocket(),
      push: { transportGone: () => this.#fail('the server closed the transport') },
    });
    this.#signalling.open();
  }

  get done(): boolean {
    return this.steps.error !== null || this.steps.frame !== undefined;
  }

  async look(): Promise<void> {
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

  #ask(request: Promise<unknown>): void {
    request.catch((error: unknown) => {
      // An answer that does not come is no refusal: the socket's loss is dealt with below.
      if (error instanceof OnecastError) this.#fail(error.code);
    });
  }

  /**
   * A browser lets one page open many sockets at a time only slowly, and a page tries again. Media
   * needs the socket no more once it is on its way.
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
    await Promise.all(viewers.filter(({ done }) => !done).map((viewer) => viewer.look()));
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

/** What the server writes into its pages, as a page gets it. */
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
