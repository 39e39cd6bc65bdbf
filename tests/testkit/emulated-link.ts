/** Puts a line with delay, jitter and loss between the server of a test network and one of its hosts. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { promisify } from 'node:util';
import type { Host, TestNetwork } from './network.ts';

export interface LinkQuality {
  /** One way. */
  readonly delayMs: number;
  /** The delay is between `delayMs - jitterMs` and `delayMs + jitterMs`. */
  readonly jitterMs: number;
  /** Of the packets each way. */
  readonly lossPercent: number;
  /** Of each way; left out: as fast as it comes. */
  readonly rateKbps?: number;
  /** What such a line holds back at most; what comes then is lost. */
  readonly queueMs?: number;
}

export class EmulatedLink {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  readonly #folder: string;

  /** From here on all that `host` sends and receives takes this line. @throws without a C compiler */
  static async between(network: TestNetwork, host: Host): Promise<EmulatedLink> {
    const folder = mkdtempSync(join(tmpdir(), 'onecast-line-'));
    const program = join(folder, 'line');
    await promisify(execFile)('cc', ['-O2', '-o', program, join(import.meta.dirname, 'line.c')]);
    const [server, client] = [network.serverNamespace, host.namespace];
    const device = `line${host.index}`;
    const child = spawn(program, [server, device, client, 'line'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const line = new EmulatedLink(child, folder);
    try {
      await line.#answer('ready');
      const net = 200 + host.index;
      const ip = (name: string, ...args: string[]) => execFileSync('ip', ['-n', name, ...args]);
      ip(server, 'addr', 'add', `10.77.${net}.1/24`, 'dev', device);
      ip(server, 'link', 'set', device, 'up');
      ip(client, 'addr', 'add', `10.77.${net}.2/24`, 'dev', 'line');
      ip(client, 'link', 'set', 'line', 'up');
      ip(client, 'route', 'replace', 'default', 'dev', 'line', 'src', `10.77.${net}.2`);
      ip(client, 'link', 'set', 'main', 'down');
      return line;
    } catch (error) {
      await line.close();
      throw error;
    }
  }

  private constructor(child: ChildProcess, folder: string) {
    if (!child.stdout) throw new Error('the line has no output');
    this.#child = child;
    this.#folder = folder;
    this.#lines = createInterface(child.stdout);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Holds for packets that are sent from here on. */
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
    if (value !== expected) throw new Error(`the line says ${String(value)}, not ${expected}`);
  }
}
