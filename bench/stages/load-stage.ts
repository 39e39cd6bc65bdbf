/** A server with a live broadcast and viewers of the load generator; measures what forwarding costs. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Generator, Pace, Stream } from '../loadgen/generator.ts';
import type { Loadgen } from '../loadgen/loadgen.ts';
import { type Broadcaster, type Contender, PUBLISHER } from '../peers/broadcaster.ts';
import { exactCpuSeconds, residentBytesOfAll } from '#testkit/processes.ts';

/** The server runs alone on one core; everything else runs on the other. */
const SERVER_CORE = 0;
const GENERATOR_CORE = 1;
/** 1.5 Mbit/s at 30 frames/s: five equal packets a frame. */
const PROFILE = { packetsPerFrame: 5, packetBytes: 1_250, fps: 30 } as const;

export type PaceName = 'bursty' | 'paced';

/**
 * - `bursty`: the packets of a frame leave at once, as from encoders without a pacer
 * - `paced`: they leave over two fifths of the frame's time, as from a browser's pacer at 2.5 times the
 *   bitrate
 */
export const PACES: Readonly<Record<PaceName, Pace>> = {
  bursty: { ...PROFILE, spread: 0 },
  paced: { ...PROFILE, spread: 0.4 },
};

const POLL_US = 1_000;
/** Number of viewers that decrypt and check everything. */
const SAMPLES = 10;
/** Number of joins at the same time. */
const PARALLEL_JOINS = 8;
const SETTLE_MS = 400;

/** What a server did and what it cost, over one stretch of time. */
export interface LoadMeasurement {
  readonly viewers: number;
  /** Processor time of the whole server per packet that reached a viewer, µs. */
  readonly cpuPerPacketUs: number;
  /** Cores that the server kept busy. */
  readonly cores: number;
  /** Packets that reached viewers. */
  readonly packets: number;
  readonly lost: number;
  /** Packets of other streams: bandwidth probes. */
  readonly probes: number;
  /** Data-channel messages that reached viewers. */
  readonly messages: number;
  readonly messagesSent: number;
  /** Processor time of the whole server per message that reached a viewer, µs. */
  readonly cpuPerMessageUs: number;
  /** Delay from the publisher's send to the viewer's socket, ms. */
  readonly p50: number;
  readonly p99: number;
}

export interface LoadStageOptions {
  readonly loadgen: Loadgen;
  readonly contender: Contender;
  readonly allCores?: boolean;
}

export class LoadStage {
  readonly #server: Broadcaster;
  readonly #publisher: Generator;
  readonly #viewers: Generator;
  readonly #stream: Stream;
  readonly #core: number | undefined;
  #count = 0;
  #pace: PaceName = 'bursty';

  /** Opens a stage for `work` and closes it afterwards. `allCores` lets the server use every core. */
  static async run<T>(
    { loadgen, contender, allCores = false }: LoadStageOptions,
    work: (stage: LoadStage) => Promise<T>,
  ): Promise<T> {
    const stage = await LoadStage.#open(loadgen, contender, allCores);
    try {
      return await work(stage);
    } finally {
      await stage.#close();
    }
  }

  static async #open(
    loadgen: Loadgen,
    contender: Contender,
    allCores: boolean,
  ): Promise<LoadStage> {
    const core = allCores ? undefined : SERVER_CORE;
    const server = await contender.start({ core });
    const generators: Generator[] = [];
    try {
      const publisher = await loadgen.start({ core: GENERATOR_CORE });
      generators.push(publisher);
      const viewers = await loadgen.start({ pollUs: POLL_US, core: GENERATOR_CORE });
      generators.push(viewers);
      const stream = await server.publish(publisher);
      publisher.stream(PUBLISHER, stream, PACES.bursty);
      // Some servers start the broadcast only after the first packet.
      await delay(SETTLE_MS);
      return new LoadStage(server, publisher, viewers, stream, core);
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

  get residentBytes(): number {
    return residentBytesOfAll(this.#server.pids);
  }

  setPace(pace: PaceName): void {
    if (pace === this.#pace) return;
    this.#pace = pace;
    this.#publisher.stream(PUBLISHER, this.#stream, PACES[pace]);
  }

  /** From now on the publisher sends no video, only data-channel messages. */
  sendOnlyMessages(bytes: number, perSecond: number): void {
    this.#publisher.quiet();
    this.#publisher.messages(PUBLISHER, 0, bytes, perSecond);
  }

  /** Lets viewers join until there are `viewers`. @throws if the server refuses one */
  async grow(viewers: number): Promise<void> {
    const every = Math.max(1, Math.floor(viewers / SAMPLES));
    const join = async () => {
      while (this.#count < viewers) {
        this.#count += 1;
        const id = this.#count;
        await this.#server.watch(this.#viewers, id, id <= 2 || id % every === 0);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_JOINS }, join));
  }

  async measure(ms: number): Promise<LoadMeasurement> {
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
    // A viewer that gets no packets at all shows no gap in sequence numbers.
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

  async #close(): Promise<void> {
    await this.#publisher.close();
    await this.#viewers.close();
    await this.#server.close();
  }
}
