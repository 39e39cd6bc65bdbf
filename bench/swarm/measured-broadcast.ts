/** A live broadcast of a real page, and what is measured while viewers join it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { goLive, launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { type Spread, spreadOf, tenth } from '../report/stats.ts';
import {
  ObservedServer,
  type ObservedServerOptions,
  type TransportSteps,
} from '#testkit/server/observed-server.ts';
import { childrenOf, cpuSeconds, machineCpuSeconds, residentBytes } from '#testkit/processes.ts';
import { tinyCameraFile } from '#testkit/media/cameras.ts';

export const ROOM = 'swarm';

/**
 * - `tiny`: 160x90 at 5 frames/s in one layer: many viewers on a small machine can decode it
 * - `full`: the colour camera, 960x540 at 30 frames/s in three simulcast layers
 */
export type Camera = 'tiny' | 'full';

export interface Measured {
  readonly server: ServerSide;
  readonly keyFrames: KeyFrames;
  readonly cpu: CpuShares;
}

/** Durations of the server's part in joining, in ms of its own clock. */
export interface ServerSide {
  /** From the creation of the transport to DTLS up: mostly the viewer's work and the round trips. */
  readonly transportToDtls: Spread;
  /** From DTLS up and the consumer resumed to the first packet, which belongs to a key frame. */
  readonly readyToPacket: Spread;
  /** Longest delay of the event loop of the server's Node process. */
  readonly eventLoopMaxMs: number;
}

/** Key-frame requests that reached the publisher's encoders while the viewers joined. */
export interface KeyFrames {
  readonly requests: number;
  readonly seconds: number;
  readonly layers: number;
}

/** CPU time while the viewers joined, in seconds. */
export interface CpuShares {
  readonly wall: number;
  /** The whole server, its media workers included. */
  readonly server: number;
  /** The media workers alone. */
  readonly workers: number;
  readonly publisher: number;
  readonly viewers: number;
  /** All other processes of this machine: the larger, the less the results say about the product. */
  readonly others: number;
}

/** A browser and its process. */
export interface Launched {
  readonly browser: Browser;
  readonly pids: readonly number[];
}

export class MeasuredBroadcast {
  readonly server: ObservedServer;
  readonly #closers: (() => Promise<unknown>)[] = [];
  #publisher: { page: Page; pids: readonly number[] } | undefined;

  static async open(
    camera: Camera,
    options: ObservedServerOptions = {},
  ): Promise<MeasuredBroadcast> {
    const broadcast = new MeasuredBroadcast(await ObservedServer.start(options));
    try {
      const { browser, pids } = await broadcast.launch(camera);
      broadcast.#publisher = { page: await startPublisher(browser, broadcast.server.url), pids };
      // A stream that has just begun sends key frames anyway.
      await delay(2_000);
      return broadcast;
    } catch (error) {
      await broadcast.close();
      throw error;
    }
  }

  private constructor(server: ObservedServer) {
    this.server = server;
    this.#closers.push(() => server.stop());
  }

  async launch(camera: Camera = 'tiny'): Promise<Launched> {
    const before = childrenOf(process.pid);
    const browser = await launchBrowser(camera === 'tiny' ? { camera: tinyCameraFile() } : {});
    this.#closers.push(() => browser.close());
    return { browser, pids: childrenOf(process.pid).filter((pid) => !before.includes(pid)) };
  }

  /** Measures while `join` runs. `viewerPids`: the processes of the viewers. */
  async measure<T>(
    viewerPids: readonly number[],
    join: () => Promise<T>,
  ): Promise<Measured & { readonly value: T }> {
    if (!this.#publisher) throw new Error('there is no publisher');
    const { page, pids } = this.#publisher;
    await this.server.query('steps');
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
    const value = await join();
    const cpuAfter = cpu();
    const { requests, layers } = await keyFrameRequests(page);
    const seconds = tenth((performance.now() - started) / 1000);
    const { transports, eventLoopMaxMs } = await this.server.query('steps');
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

  /** Resident memory of the server's own process, after a garbage collection, and of its workers, in bytes. */
  async memory(): Promise<{ readonly node: number; readonly workers: number }> {
    await this.server.query('counts');
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

/** The product's own publisher page, live; tests can reach its peer connections. */
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
  await goLive(page);
  return page;
}

/** PLI and FIR that the publisher's encoders have received so far, over all layers. */
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
