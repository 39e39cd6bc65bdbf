/** One server on air, its viewers, and what a stretch of time costs it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Generator, Loadgen, Pace, Stream } from '../loadgen/generator.ts';
import { type Broadcaster, type Contender, PUBLISHER } from '../peers/broadcaster.ts';
import { exactCpuSeconds, residentBytesOfAll } from '#testkit/processes.ts';

/** The server is alone on one core; all else is on the other. */
export const SERVER_CORE = 0;
export const GENERATOR_CORE = 1;
/** 1.5 Mbit/s at 30 frames/s: five equal packets a frame. */
const PROFILE = { packetsPerFrame: 5, packetBytes: 1_250, fps: 30 } as const;

export type PaceName = 'bursty' | 'paced';

/**
 * - `bursty`: a frame's packets leave at once, as encoders without a pacer send
 * - `paced`: over two fifths of the frame's time, as a browser's pacer does at 2.5 times the bitrate
 */
export const PACES: Readonly<Record<PaceName, Pace>> = {
  bursty: { ...PROFILE, spread: 0 },
  paced: { ...PROFILE, spread: 0.4 },
};

const POLL_US = 1_000;
/** Viewers that decrypt and check everything. */
const SAMPLES = 10;
/** Joins under way at a time. */
const JOINING = 8;
const SETTLE_MS = 400;

export interface Window {
  readonly viewers: number;
  /** Processor time of the whole server per packet that reached a viewer, µs. */
  readonly cpuPerPacketUs: number;
  /** Cores that it kept busy. */
  readonly cores: number;
  readonly packets: number;
  readonly lost: number;
  readonly probes: number;
  /** Messages that reached viewers, and the processor time per each of them, µs. */
  readonly messages: number;
  readonly messagesSent: number;
  readonly cpuPerMessageUs: number;
  /** Publisher's send to the viewer's socket, ms. */
  readonly p50: number;
  readonly p99: number;
}

export class Stage {
  readonly #server: Broadcaster;
  readonly #publisher: Generator;
  readonly #viewers: Generator;
  readonly #stream: Stream;
  readonly #core: number | undefined;
  #count = 0;
  #pace: PaceName = 'bursty';

  /** `spreadOut` lets the server use every core. */
  static async open(loadgen: Loadgen, contender: Contender, spreadOut = false): Promise<Stage> {
    const core = spreadOut ? undefined : SERVER_CORE;
    const server = await contender.start({ core });
    const generators: Generator[] = [];
    try {
      const publisher = await loadgen.start({ core: GENERATOR_CORE });
      generators.push(publisher);
      const viewers = await loadgen.start({ pollUs: POLL_US, core: GENERATOR_CORE });
      generators.push(viewers);
      const stream = await server.publish(publisher);
      publisher.stream(PUBLISHER, stream, PACES.bursty);
      // A server may want to see a packet before it calls this a broadcast.
      await delay(SETTLE_MS);
      return new Stage(server, publisher, viewers, stream, core);
    } catch (error) {
      for (const generator of generators) await generator.close();
      await server.close();
      throw error;
    }
  }

  private constructor(
    server: Broadcaster,
    publisher: Generator,
    viewers: Generator,
    stream: Stream,
    core: number | undefined,
  ) {
    this.#server = server;
    this.#publisher = publisher;
    this.#viewers = viewers;
    this.#stream = stream;
    this.#core = core;
  }

  get viewers(): number {
    return this.#count;
  }

  get residentBytes(): number {
    return residentBytesOfAll(this.#server.pids);
  }

  setPace(pace: PaceName): void {
    if (pace === this.#pace) return;
    this.#pace = pace;
    this.#publisher.stream(PUBLISHER, this.#stream, PACES[pace]);
  }

  /** From now on there is no picture, only messages of a data channel. */
  onlyMessages(bytes: number, perSecond: number): void {
    this.#publisher.quiet();
    this.#publisher.messages(PUBLISHER, 0, bytes, perSecond);
  }

  /** Lets viewers join until there are so many. @throws where one is refused. */
  async grow(viewers: number): Promise<void> {
    const every = Math.max(1, Math.floor(viewers / SAMPLES));
    const join = async () => {
      while (this.#count < viewers) {
        this.#count += 1;
        const id = this.#count;
        await this.#server.watch(this.#viewers, id, id <= 2 || id % every === 0);
      }
    };
    await Promise.all(Array.from({ length: JOINING }, join));
  }

  async measure(ms: number): Promise<Window> {
    await delay(SETTLE_MS);
    this.#viewers.mark();
    this.#publisher.mark();
    const started = performance.now();
    const cpu = exactCpuSeconds(this.#server.pids, this.#core);
    await delay(ms);
    const report = await this.#viewers.report();
    const spent = exactCpuSeconds(this.#server.pids, this.#core) - cpu;
    const seconds = (performance.now() - started) / 1000;
    const { sent, messagesSent } = await this.#publisher.report();
    if (report.broken + report.wrong > 0) {
      throw new Error(`${this.#server.name}: ${report.broken + report.wrong} damaged packets`);
    }
    if (report.up < this.#count) throw new Error(`${this.#server.name}: viewers were dropped`);
    // A viewer that hears nothing has no gap in its numbers.
    const lost = report.lost + report.silent * sent;
    return {
      viewers: this.#count,
      cpuPerPacketUs: (spent * 1e6) / Math.max(1, report.received),
      cores: spent / seconds,
      packets: report.received,
      lost,
      probes: report.other,
      messages: report.messages,
      messagesSent,
      cpuPerMessageUs: (spent * 1e6) / Math.max(1, report.messages),
      p50: report.p50,
      p99: report.p99,
    };
  }

  async close(): Promise<void> {
    await this.#publisher.close();
    await this.#viewers.close();
    await this.#server.close();
  }
}
