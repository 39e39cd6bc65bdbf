/** One socket that speaks the product's signalling, as a page does. */
import { Agent, request } from 'node:http';
import { io, type Socket } from 'socket.io-client';

const ANSWER_DEADLINE_MS = 20_000;

/** A loopback address of its own for each viewer: limits count by address. */
export const addressOf = (index: number): string => `127.1.${(index >> 8) & 255}.${index & 255}`;

export class Caller {
  readonly socket: Socket;
  #requests = 0;

  constructor(url: string, index: number) {
    const localAddress = addressOf(index);
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
      .emitWithAck(name, { requestId, ...payload })) as Answer;
    return valueOf(name, result);
  }

  close(): void {
    this.socket.off();
    this.socket.disconnect();
  }
}

/** Posts one request as a page does that has no socket yet. @throws where the server refuses */
export async function post(url: URL, agent: Agent, payload: string): Promise<unknown> {
  const text = await new Promise<string>((resolve, reject) => {
    const asking = request(url, {
      agent,
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) },
      signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
    });
    asking.once('error', reject);
    asking.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    asking.end(payload);
  });
  return valueOf(url.pathname, JSON.parse(text) as Answer);
}

type Answer = { ok: true; value: unknown } | { ok: false; code: string; message: string };

function valueOf(name: string, answer: Answer): unknown {
  if (!answer.ok) throw new Error(`${name}: ${answer.code} ${answer.message}`);
  return answer.value;
}
