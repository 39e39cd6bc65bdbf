/**
 * A room that attacks nothing: a publisher and viewers of the load generator, which miss no packet that
 * the server sends, sockets that send requests, and pages that join.
 */
import { setTimeout as delay } from 'node:timers/promises';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { LoadClient } from '#testkit/signalling/load-client.ts';
import type { Generator } from '../loadgen/generator.ts';
import type { Loadgen } from '../loadgen/loadgen.ts';
import { PUBLISHER } from '../peers/broadcaster.ts';
import { OnecastRoom } from '../peers/onecast-room.ts';
import { PACES } from '../stages/load-stage.ts';

export const INNOCENT = 'innocent';
const VIEWERS = 10;
/** Of each viewer's socket: less than the server allows one. */
const REQUESTS_PER_S = 8;
const JOINS_PER_S = 2;
const JOINING_FROM = 40_000;
const SETTLE_MS = 1_000;

/** What an innocent room experienced. Times in ms. */
export interface InnocentStats {
  readonly ackMs: readonly number[];
  readonly joinMs: readonly number[];
  /** Requests and joins that were refused, or not answered within 20 s. */
  readonly failed: number;
  readonly packets: number;
  readonly packetsLost: number;
  /** From the publisher's send to the viewer's socket. */
  readonly packetP99Ms: number;
}

export class InnocentRoom {
  readonly #url: string;
  readonly #room: OnecastRoom;
  readonly #generators: readonly Generator[];
  readonly #sockets: readonly LoadClient[];
  #joined = 0;

  static async open(url: string, loadgen: Loadgen): Promise<InnocentRoom> {
    const room = new OnecastRoom(url, { room: INNOCENT });
    const generators: Generator[] = [];
    try {
      const publisher = await loadgen.start();
      generators.push(publisher);
      const viewers = await loadgen.start({ pollUs: 1_000 });
      generators.push(viewers);
      publisher.stream(PUBLISHER, await room.publish(publisher), PACES.paced);
      await delay(SETTLE_MS);
      const sockets: LoadClient[] = [];
      for (let id = 1; id <= VIEWERS; id += 1) sockets.push(await room.watch(viewers, id, true));
      await delay(SETTLE_MS);
      return new InnocentRoom(url, room, generators, sockets);
    } catch (error) {
      room.close();
      for (const generator of generators) await generator.close();
      throw error;
    }
  }

  private constructor(
    url: string,
    room: OnecastRoom,
    generators: readonly Generator[],
    sockets: readonly LoadClient[],
  ) {
    this.#url = url;
    this.#room = room;
    this.#generators = generators;
    this.#sockets = sockets;
  }

  async measure(ms: number): Promise<InnocentStats> {
    const [publisher, viewers] = this.#generators;
    publisher?.mark();
    viewers?.mark();
    const requests = this.#sockets.map((socket) =>
      repeated(ms, REQUESTS_PER_S, () => timed(() => socket.request('stateSnapshot'))),
    );
    const joins = repeated(ms, JOINS_PER_S, () => this.#join());
    const answers = (await Promise.all(requests)).flat();
    const joined = await joins;
    const report = await viewers?.report();
    const sent = (await publisher?.report())?.sent ?? 0;
    const isTime = (value: number | undefined) => value !== undefined;
    return {
      ackMs: answers.filter(isTime),
      joinMs: joined.filter(isTime),
      failed: [...answers, ...joined].filter((value) => value === undefined).length,
      packets: report?.received ?? 0,
      // A viewer that gets no packets at all shows no gap in sequence numbers.
      packetsLost: (report?.lost ?? 0) + (report?.silent ?? 0) * sent,
      packetP99Ms: report?.p99 ?? Number.NaN,
    };
  }

  /** A page with an address of its own joins and leaves; the time is that of its join. */
  async #join(): Promise<number | undefined> {
    this.#joined += 1;
    const page = new LoadClient(this.#url, JOINING_FROM + (this.#joined % 10_000));
    try {
      await page.connected();
      const took = await timed(() =>
        page.request('join', {
          protocol: PROTOCOL_VERSION,
          room: INNOCENT,
          rtpCapabilities: fixture.rtpCapabilities,
        }),
      );
      if (took !== undefined) await page.request('leave');
      return took;
    } catch {
      return undefined;
    } finally {
      page.close();
    }
  }

  async close(): Promise<void> {
    this.#room.close();
    for (const generator of this.#generators) await generator.close();
  }
}

/** How long `act` takes, ms; undefined if it fails. */
async function timed(act: () => Promise<unknown>): Promise<number | undefined> {
  const begun = performance.now();
  return act().then(
    () => performance.now() - begun,
    () => undefined,
  );
}

/** Calls `act` at a fixed rate, without waiting for its end. Resolves when all have ended. */
async function repeated<T>(ms: number, perS: number, act: () => Promise<T>): Promise<T[]> {
  const running: Promise<T>[] = [];
  const until = performance.now() + ms;
  // So that they don't all come at the same moment.
  await delay((Math.random() * 1_000) / perS);
  while (performance.now() < until) {
    running.push(act());
    await delay(1_000 / perS);
  }
  return Promise.all(running);
}
