/** Puts a link with delay, jitter and loss between the server of a test network and one of its hosts. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { promisify } from 'node:util';
import type { Host, TestNetwork } from './test-network.ts';

export interface LinkQuality {
  /** Each way. */
  readonly delayMs: number;
  /** The delay varies between `delayMs - jitterMs` and `delayMs + jitterMs`. */
  readonly jitterMs: number;
  /** Share of the packets that are lost, each way. */
  readonly lossPercent: number;
  /** Each way; unlimited by default. */
  readonly rateKbps?: number;
  /** Longest time that a packet waits because of the rate; packets beyond that are lost. 200 by default. */
  readonly queueMs?: number;
}

export class EmulatedLink {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  readonly #folder: string;

  /** From now on all traffic of `host` takes this link. @throws without a C compiler */
  static async between(network: TestNetwork, host: Host): Promise<EmulatedLink> {
    const folder = mkdtempSync(join(tmpdir(), 'onecast-link-'));
    const program = join(folder, 'emulated-link');
    const source = join(import.meta.dirname, 'emulated-link.c');
    await promisify(execFile)('cc', ['-O2', '-o', program, source]);
    const [server, client] = [network.serverNamespace, host.namespace];
    const device = `link${host.index}`;
    const child = spawn(program, [server, device, client, 'link'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const link = new EmulatedLink(child, folder);
    try {
      await link.#answer('ready');
      const net = 200 + host.index;
      const ip = (name: string, ...args: string[]) => execFileSync('ip', ['-n', name, ...args]);
      ip(server, 'addr', 'add', `10.77.${net}.1/24`, 'dev', device);
      ip(server, 'link', 'set', 'dev', device, 'up');
      ip(client, 'addr', 'add', `10.77.${net}.2/24`, 'dev', 'link');
      ip(client, 'link', 'set', 'dev', 'link', 'up');
      ip(client, 'route', 'replace', 'default', 'dev', 'link', 'src', `10.77.${net}.2`);
      ip(client, 'link', 'set', 'dev', 'main', 'down');
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  private constructor(child: ChildProcess, folder: string) {
    if (!child.stdout) throw new Error('the emulated link has no output');
    this.#child = child;
    this.#folder = folder;
    this.#lines = createInterface(child.stdout);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Applies to packets that are sent from now on. */
  async set(quality: LinkQuality): Promise<void> {
    const { delayMs, jitterMs, lossPercent, rateKbps = 0, queueMs = 200 } = quality;
    const values = { delay: delayMs, jitter: jitterMs, loss: lossPercent };
    const rate = { rate: rateKbps, queue: queueMs };
    const words = Object.entries({ ...values, ...rate }).map(([name, value]) => `${name}=${value}`);
    this.#child.stdin?.write(`${words.join(' ')}\n`);
    await this.#answer('set');
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.stdin?.end();
      await exited;
    }
    this.#lines.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #answer(expected: string): Promise<void> {
    const { value } = await this.#answers.next();
    if (value !== expected)
      throw new Error(`the emulated link printed ${String(value)}, not ${expected}`);
  }
}
