/** One attack of the bench, and the process that makes it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Loadgen } from '../loadgen/loadgen.ts';

/** What an attacker counted. */
export type AttackerStats = Readonly<Record<string, number>>;

export interface Attacker {
  readonly pid: number;
  begin(): Promise<void>;
  /** Sends nothing more. What it never reads stays open. */
  hold(): Promise<void>;
  end(): Promise<AttackerStats>;
}

export interface Target {
  readonly url: string;
  readonly loadgen: Loadgen;
}

export interface Attack {
  readonly id: string;
  readonly title: string;
  prepare(target: Target): Promise<Attacker>;
}

/** Behind everything that is measured, which shares its core. */
const NICENESS = 10;

export function beNice(pid: number): void {
  setPriority(pid, NICENESS);
}

/** One of the programs next to this file. */
export class AttackerProcess implements Attacker {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #printed: Promise<string>;

  static start(program: string, attack: string, { url }: Target): AttackerProcess {
    const args = [join(import.meta.dirname, program), attack, url];
    return new AttackerProcess(
      spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.#printed = child.stdout ? text(child.stdout) : Promise.resolve('{}');
    beNice(this.pid);
  }

  async begin(): Promise<void> {
    this.#child.stdin?.write('begin\n');
  }

  async hold(): Promise<void> {
    this.#child.stdin?.write('hold\n');
  }

  async end(): Promise<AttackerStats> {
    const exited = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await exited;
    return JSON.parse((await this.#printed) || '{}') as AttackerStats;
  }
}
