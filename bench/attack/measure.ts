/** One room undisturbed, then during an attack, on the same server. */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Limits } from '#config/limits.ts';
import { cpuSeconds } from '#testkit/processes.ts';
import { ObservedServer } from '#testkit/server/observed-server.ts';
import type { Loadgen } from '../loadgen/loadgen.ts';
import { tenth } from '../report/stats.ts';
import type { Attack, Attacker, AttackerStats } from './attacker.ts';
import { InnocentRoom, type InnocentStats } from './innocent-room.ts';
import {
  peakDuring,
  type Recovery,
  recovery,
  type Resources,
  settledResources,
} from './resources.ts';

const SERVER_CORE = 0;
const OTHER_CORE = 1;

/** CPU time per second of the wall clock. */
interface Cores {
  readonly server: number;
  readonly workers: number;
  readonly attacker: number;
}

export interface AttackWindow {
  readonly attack: string;
  readonly quiet: InnocentStats;
  readonly attacked: InnocentStats;
  readonly before: Resources;
  readonly peak: Resources;
  readonly recovery: Recovery;
  readonly cores: Cores;
  readonly attacker: AttackerStats;
}

/**
 * Where there are two cores, the server has one of them, with all of its workers, and everything else
 * has the other one: so an attacker takes no processor time from the server by its own work.
 */
export class Stage {
  readonly server: ObservedServer;
  readonly room: InnocentRoom;
  readonly #loadgen: Loadgen;

  /** @param limits that differ from the product's */
  static async open(loadgen: Loadgen, limits: Partial<Limits> = {}): Promise<Stage> {
    const pin = availableParallelism() > 1;
    if (pin) execFileSync('taskset', ['-cp', String(OTHER_CORE), String(process.pid)]);
    // With the product's limits, also those by address.
    const server = await ObservedServer.start({
      limits,
      realAddressLimits: true,
      workers: 1,
      ...(pin && { prefix: ['taskset', '-c', String(SERVER_CORE)] }),
    });
    try {
      return new Stage(loadgen, server, await InnocentRoom.open(server.url, loadgen));
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  private constructor(loadgen: Loadgen, server: ObservedServer, room: InnocentRoom) {
    this.#loadgen = loadgen;
    this.server = server;
    this.room = room;
  }

  /** The same as `measure`, but without a result. */
  async warmUp(attack: Attack, ms: number): Promise<void> {
    const attacker = await this.attacker(attack);
    await attacker.begin();
    await this.room.measure(ms);
    await attacker.hold();
    await attacker.end();
  }

  attacker(attack: Attack): Promise<Attacker> {
    return attack.prepare({ url: this.server.url, loadgen: this.#loadgen });
  }

  async measure(attack: Attack, ms: number): Promise<AttackWindow> {
    const { server, room } = this;
    const quiet = await room.measure(ms);
    const before = await settledResources(server);
    const attacker = await this.attacker(attack);
    const cpu = () => ({
      server: cpuSeconds([server.pid]) - cpuSeconds(server.workerPids),
      workers: cpuSeconds(server.workerPids),
      attacker: cpuSeconds([attacker.pid]),
    });
    const cpuBefore = cpu();
    const begun = performance.now();
    await attacker.begin();
    const { value: attacked, peak } = await peakDuring(server, () => room.measure(ms));
    const cpuAfter = cpu();
    const seconds = (performance.now() - begun) / 1_000;
    await attacker.hold();
    const back = await recovery(server, before);
    const stats = await attacker.end();
    const cores = (who: keyof typeof cpuBefore) =>
      tenth(((cpuAfter[who] - cpuBefore[who]) / seconds) * 10) / 10;
    return {
      attack: attack.id,
      quiet,
      attacked,
      before,
      peak,
      recovery: back,
      cores: { server: cores('server'), workers: cores('workers'), attacker: cores('attacker') },
      attacker: stats,
    };
  }

  async close(): Promise<void> {
    await this.room.close();
    await this.server.stop();
  }
}
