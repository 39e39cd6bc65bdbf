/** Compiles and starts the load generator. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Generator, type Pace } from './generator.ts';

const SOURCES = import.meta.dirname;
/** AES-GCM by OpenSSL for libsrtp, as in media workers that are built here. */
const GCM = join(SOURCES, '../../native/worker-build/subprojects/libsrtp3/src');
/** Compiler options for a program or library with it. */
export const GCM_FLAGS = ['-O2', `-I${GCM}`, join(GCM, 'aes_gcm.c')] as const;
export const GCM_LIBRARIES = ['-lsrtp2', '-lcrypto'] as const;

/** The compiled load generator, in a temporary folder. */
export class Loadgen {
  readonly #folder: string;
  readonly #program: string;

  /** @throws if the C compiler or the headers of OpenSSL or libsrtp2 are missing */
  static async compile(): Promise<Loadgen> {
    const loadgen = new Loadgen(mkdtempSync(join(tmpdir(), 'onecast-loadgen-')));
    const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
    const files = sources.map((name) => join(SOURCES, name));
    const words = [...GCM_FLAGS, '-o', loadgen.#program, ...files, '-lssl', ...GCM_LIBRARIES];
    await promisify(execFile)('cc', words);
    return loadgen;
  }

  private constructor(folder: string) {
    this.#folder = folder;
    this.#program = join(folder, 'loadgen');
  }

  /** With `pollUs` the generator polls its sockets at this interval instead of waking for each packet. */
  start({ pollUs = 0, core }: { pollUs?: number; core?: number } = {}): Promise<Generator> {
    const command = pinned(core, [this.#program, 'poll', String(pollUs)]);
    return Generator.start(spawn(command[0], command[1], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Processor time that only encrypting and sending a packet takes, µs. */
  async floor(viewers: number, ms: number, pace: Pace): Promise<number> {
    const { packetsPerFrame, packetBytes, fps } = pace;
    const numbers = [viewers, ms, packetsPerFrame, packetBytes, fps].map(String);
    const { stdout } = await promisify(execFile)(this.#program, ['floor', ...numbers]);
    const us = Number(/^floor ([\d.]+)/.exec(stdout)?.[1]);
    if (!(us > 0)) throw new Error(`the floor was not measured: ${stdout}`);
    return us;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The command that runs `command` on `core`, or on all cores if it is undefined. */
export function pinned(core: number | undefined, command: string[]): [string, string[]] {
  const [program = '', ...args] =
    core === undefined ? command : ['taskset', '-c', String(core), ...command];
  return [program, args];
}
