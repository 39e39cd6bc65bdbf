/** One socket that speaks the product's signalling, as a page does. */
import { Agent } from 'node:http';
import { io, type Socket } from 'socket.io-client';

const ANSWER_DEADLINE_MS = 20_000;

export class Caller {
  readonly socket: Socket;
  #requests = 0;

  /** `index` gives it a loopback address of its own, as viewers have: limits count by address. */
  constructor(url: string, index: number) {
    const localAddress = `127.1.${(index >> 8) & 255}.${index & 255}`;
    this.socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      // engine.io-client hands what it is given to `ws`, whose agent is Node's; its type is a browser's.
      agent: new Agent({ localAddress }) as unknown as string,
    });
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
  }

  /** The answer's value. @throws where the server refuses or says nothing. */
  async ask(name: string, payload: object = {}): Promise<unknown> {
    this.#requests += 1;
    const requestId = `${this.#requests}`;
    const result = (await this.socket
      .timeout(ANSWER_DEADLINE_MS)
      .emitWithAck(name, { requestId, ...payload })) as
      | { ok: true; value: unknown }
      | { ok: false; code: string; message: string };
    if (!result.ok) throw new Error(`${name}: ${result.code} ${result.message}`);
    return result.value;
  }

  close(): void {
    this.socket.off();
    this.socket.disconnect();
  }
}
