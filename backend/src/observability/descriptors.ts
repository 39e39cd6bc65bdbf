import { readdir, readFile } from 'node:fs/promises';
import type { Limits } from '#config/limits.ts';
import { type Log, runInBackground } from './log.ts';

/** A process to watch. `name` identifies it in metrics and logs: `server`, `worker-0` … */
export interface WatchedProcess {
  readonly name: string;
  readonly pid: number;
}

export interface Descriptors {
  readonly open: number;
  readonly max: number;
}

/**
 * Watches the number of open file descriptors of the server and its workers, and logs a warning before
 * they run out. A worker does not limit ICE connections over TCP, and each silent connection uses one
 * descriptor. Linux only; on other systems nothing is read.
 */
export class DescriptorWatch {
  readonly #processes: () => readonly WatchedProcess[];
  readonly #limits: Pick<Limits, 'descriptorCheckMs' | 'descriptorAlarmShare'>;
  readonly #log: Log;
  readonly #read: typeof readDescriptors;
  readonly #interval: NodeJS.Timeout;
  readonly #warned = new Set<string>();
  #latest: ReadonlyMap<string, Descriptors> = new Map();

  constructor(
    processes: () => readonly WatchedProcess[],
    limits: Pick<Limits, 'descriptorCheckMs' | 'descriptorAlarmShare'>,
    log: Log,
    read = readDescriptors,
  ) {
    this.#processes = processes;
    this.#limits = limits;
    this.#log = log;
    this.#read = read;
    const check = () => runInBackground(log, 'descriptors', this.#check());
    this.#interval = setInterval(check, limits.descriptorCheckMs);
    this.#interval.unref();
    check();
  }

  /** The result of the last check, by process name. */
  get latest(): ReadonlyMap<string, Descriptors> {
    return this.#latest;
  }

  close(): void {
    clearInterval(this.#interval);
  }

  async #check(): Promise<void> {
    const latest = new Map<string, Descriptors>();
    for (const { name, pid } of this.#processes()) {
      const descriptors = await this.#read(pid);
      if (!descriptors) continue;
      latest.set(name, descriptors);
      this.#warnIfHigh(name, descriptors);
    }
    this.#latest = latest;
  }

  /** Warns once, and again after the share has been well below the threshold. */
  #warnIfHigh(name: string, { open, max }: Descriptors): void {
    const share = open / max;
    const { descriptorAlarmShare: threshold } = this.#limits;
    if (share >= threshold && !this.#warned.has(name)) {
      this.#warned.add(name);
      this.#log.warn({ process: name, open, max }, 'file descriptors run out');
    } else if (share < threshold * 0.9) this.#warned.delete(name);
  }
}

/** Returns undefined if the numbers can't be read: another system, or the process has ended. */
export async function readDescriptors(pid: number): Promise<Descriptors | undefined> {
  try {
    const [open, limits] = await Promise.all([
      readdir(`/proc/${pid}/fd`),
      readFile(`/proc/${pid}/limits`, 'utf8'),
    ]);
    const max = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
    if (max === undefined) return undefined;
    return { open: open.length, max: max === 'unlimited' ? Infinity : Number(max) };
  } catch {
    return undefined;
  }
}
