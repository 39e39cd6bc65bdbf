import { readdir, readFile } from 'node:fs/promises';
import type { Limits } from '#config/limits.ts';
import { type Log, runInBackground } from './log.ts';

/** A process to watch, by its name in metrics and logs: `server`, `worker-0` … */
export interface WatchedProcess {
  readonly name: string;
  readonly pid: number;
}

export interface Descriptors {
  readonly open: number;
  readonly max: number;
}

/**
 * Watches the file descriptors of the server and its workers. A worker has no cap of its own on ICE
 * over TCP, and who opens connections and never speaks takes one each: here that is told before
 * they run out. Linux only; elsewhere nothing is read.
 */
export class DescriptorWatch {
  readonly #processes: () => readonly WatchedProcess[];
  readonly #limits: Pick<Limits, 'descriptorCheckMs' | 'descriptorAlarmShare'>;
  readonly #log: Log;
  readonly #read: typeof readDescriptors;
  readonly #interval: NodeJS.Timeout;
  readonly #alarmed = new Set<string>();
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
    const look = () => runInBackground(log, 'descriptors', this.#look());
    this.#interval = setInterval(look, limits.descriptorCheckMs);
    this.#interval.unref();
    look();
  }

  /** As they were at the last look, by process. */
  get latest(): ReadonlyMap<string, Descriptors> {
    return this.#latest;
  }

  close(): void {
    clearInterval(this.#interval);
  }

  async #look(): Promise<void> {
    const latest = new Map<string, Descriptors>();
    for (const { name, pid } of this.#processes()) {
      const descriptors = await this.#read(pid);
      if (!descriptors) continue;
      latest.set(name, descriptors);
      this.#judge(name, descriptors);
    }
    this.#latest = latest;
  }

  /** Said once, and again after it has been well below. */
  #judge(name: string, { open, max }: Descriptors): void {
    const share = open / max;
    const { descriptorAlarmShare: alarm } = this.#limits;
    if (share >= alarm && !this.#alarmed.has(name)) {
      this.#alarmed.add(name);
      this.#log.warn({ process: name, open, max }, 'file descriptors run out');
    } else if (share < alarm * 0.9) this.#alarmed.delete(name);
  }
}

/** Undefined where it can't be read: another system, or the process is gone. */
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
