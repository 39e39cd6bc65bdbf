/** A real publisher on air for a swarm to come to, and what is measured while it comes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage } from './browser.ts';
import { statusIs } from './shown-video.ts';
import { type Spread, spreadOf, tenth } from '../../bench/report/stats.ts';
import {
  ObservedServer,
  type ObservedServerOptions,
  type TransportSteps,
} from './observed-server.ts';
import { childrenOf, cpuSeconds, machineCpuSeconds, residentBytes } from './processes.ts';
import { tinyCameraFile } from './tiny-camera.ts';

export const ROOM = 'swarm';

/**
 * - `tiny`: 160x90 at 5 frames/s, one layer: what many viewers can decode on a small machine
 * - `full`: the tests' camera, 960x540 at 30 frames/s in three simulcast layers
 */
export type Camera = 'tiny' | 'full';

export interface Measured {
  readonly server: ServerSide;
  readonly keyFrames: KeyFrames;
  readonly cpu: CpuShares;
}

/** What the server did for each viewer, ms of its own clock. */
export interface ServerSide {
  /** From the transport made to DTLS up: mostly the viewer's own work and the way there and back. */
  readonly transportToDtls: Spread;
  /** From when DTLS is up and the consumer resumed to the first packet, that of a key frame. */
  readonly readyToPacket: Spread;
  /** The longest that the server's Node process kept anybody waiting. */
  readonly eventLoopMaxMs: number;
}

/** Requests for key frames that reached the publisher's encoders while the viewers came. */
export interface KeyFrames {
  readonly requests: number;
  readonly seconds: number;
  readonly layers: number;
}

/** Processor time while the viewers came, s. */
export interface CpuShares {
  readonly wall: number;
  /** All of it; of that, its media workers. */
  readonly server: number;
  readonly workers: number;
  readonly publisher: number;
  readonly viewers: number;
  /** What else this machine did meanwhile: the more, the less the times say about the product. */
  readonly others: number;
}

/** A browser and its process. */
export interface Launched {
  readonly browser: Browser;
  readonly pids: readonly number[];
}

export class Scene {
  readonly server: ObservedServer;
  readonly #closers: (() => Promise<unknown>)[] = [];
  #publisher: { page: Page; pids: readonly number[] } | undefined;

  static async open(camera: Camera, options: ObservedServerOptions = {}): Promise<Scene> {
    const scene = new Scene(await ObservedServer.start(options));
    try {
      const { browser, pids } = await scene.launch(camera);
      scene.#publisher = { page: await startPublisher(browser, scene.server.url), pids };
      // A picture that has just begun brings key frames of its own.
      await delay(2_000);
      return scene;
    } catch (error) {
      await scene.close();
      throw error;
    }
  }

  private constructor(server: ObservedServer) {
    this.server = server;
    this.#closers.push(() => server.stop());
  }

  async launch(camera: Camera = 'tiny'): Promise<Launched> {
    const before = childrenOf(process.pid);
    const flags =
      camera === 'tiny' ? [`--use-file-for-fake-video-capture=${tinyCameraFile()}`] : [];
    const browser = await launchBrowser({ flags });
    this.#closers.push(() => browser.close());
    return { browser, pids: childrenOf(process.pid).filter((pid) => !before.includes(pid)) };
  }

  /** Runs `come` and measures meanwhile. `viewerPids` are those of the viewers' processes. */
  async measure<T>(
    viewerPids: readonly number[],
    come: () => Promise<T>,
  ): Promise<Measured & { readonly value: T }> {
    if (!this.#publisher) throw new Error('nobody publishes');
    const { page, pids } = this.#publisher;
    await this.server.ask('steps');
    const cpu = () => ({
      server: cpuSeconds([this.server.pid]),
      workers: cpuSeconds(this.server.workerPids),
      publisher: cpuSeconds(pids),
      viewers: cpuSeconds(viewerPids),
      machine: machineCpuSeconds(),
    });
    const { requests: requestsBefore } = await keyFrameRequests(page);
    const cpuBefore = cpu();
    const started = performance.now();
    const value = await come();
    const cpuAfter = cpu();
    const { requests, layers } = await keyFrameRequests(page);
    const seconds = tenth((performance.now() - started) / 1000);
    const { transports, eventLoopMaxMs } = await this.server.ask('steps');
    const spent = (who: keyof typeof cpuBefore) => tenth(cpuAfter[who] - cpuBefore[who]);
    const ours = {
      server: spent('server'),
      publisher: spent('publisher'),
      viewers: spent('viewers'),
    };
    const others = spent('machine') - ours.server - ours.publisher - ours.viewers;
    return {
      value,
      server: serverSide(transports, eventLoopMaxMs),
      keyFrames: { requests: requests - requestsBefore, seconds, layers },
      cpu: {
        wall: seconds,
        ...ours,
        workers: spent('workers'),
        others: tenth(Math.max(0, others)),
      },
    };
  }

  /** Resident memory of the server's own process, after a collection, and of its workers, bytes. */
  async memory(): Promise<{ readonly node: number; readonly workers: number }> {
    await this.server.ask('counts');
    const workers = this.server.workerPids.reduce((sum, pid) => sum + residentBytes(pid), 0);
    return { node: residentBytes(this.server.pid), workers };
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) await close().catch(() => undefined);
  }
}

function serverSide(transports: readonly TransportSteps[], eventLoopMaxMs: number): ServerSide {
  const transportToDtls = transports.flatMap(({ made, dtls }) =>
    dtls === undefined ? [] : [dtls - made],
  );
  const readyToPacket = transports.flatMap(({ dtls, resumed, packet }) =>
    dtls === undefined || resumed === undefined || packet === undefined
      ? []
      : [packet - Math.max(dtls, resumed)],
  );
  return {
    transportToDtls: spreadOf(transportToDtls),
    readyToPacket: spreadOf(readyToPacket),
    eventLoopMaxMs: tenth(eventLoopMaxMs),
  };
}

/** The product's own page, on air; its peer connections can be reached from outside. */
async function startPublisher(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    const made: RTCPeerConnection[] = [];
    Object.assign(globalThis, { peerConnections: made });
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        made.push(this);
      }
    };
  });
  const { page } = await openPage(context, `${url}/publish/${ROOM}`);
  await page.click('#start');
  await statusIs(page, 'live');
  return page;
}

/** PLI and FIR that the publisher's encoders have got so far, over all layers. */
async function keyFrameRequests(page: Page): Promise<{ requests: number; layers: number }> {
  return page.evaluate(async () => {
    const { peerConnections } = globalThis as unknown as { peerConnections: RTCPeerConnection[] };
    const reports = await Promise.all(peerConnections.map((connection) => connection.getStats()));
    let requests = 0;
    let layers = 0;
    for (const report of reports) {
      report.forEach((stats: Record<string, unknown>) => {
        if (stats['type'] !== 'outbound-rtp' || stats['kind'] !== 'video') return;
        layers += 1;
        requests += Number(stats['pliCount'] ?? 0) + Number(stats['firCount'] ?? 0);
      });
    }
    return { requests, layers };
  });
}
