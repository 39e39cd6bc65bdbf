/**
 * A signalling client for load: one socket with a loopback address of its own. It does not validate
 * the server's answers, so that thousands of them fit on one machine.
 */
import { Agent } from 'node:http';
import { io, type Socket } from 'socket.io-client';
import { httpRequest } from '../http.ts';

const ANSWER_DEADLINE_MS = 20_000;

/** A loopback address for each viewer, because the server counts its limits by address. */
export const loopbackAddress = (index: number): string =>
  `127.1.${(index >> 8) & 255}.${index & 255}`;

export class LoadClient {
  readonly socket: Socket;
  #requests = 0;

  constructor(url: string, index: number) {
    const localAddress = loopbackAddress(index);
    this.socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      // engine.io-client passes this to `ws`, which expects Node's Agent; the type is a browser's.
      agent: new Agent({ localAddress }) as unknown as string,
    });
  }

  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
  }

  /** The value of the answer. @throws when the server refuses or does not answer within 20 s */
  async request(name: string, payload: object = {}): Promise<unknown> {
    this.#requests += 1;
    const requestId = `${this.#requests}`;
    const answer = (await this.socket
      .timeout(ANSWER_DEADLINE_MS)
      .emitWithAck(name, { requestId, ...payload })) as Answer;
    return valueOf(name, answer);
  }

  close(): void {
    this.socket.off();
    this.socket.disconnect();
  }
}

/** Posts one request as a page without a socket does. @throws when the server refuses */
export async function postRequest(url: URL, agent: Agent, payload: string): Promise<unknown> {
  const { body } = await httpRequest(url.origin, url.pathname, {
    agent,
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(payload)),
    },
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
    body: payload,
  });
  return valueOf(url.pathname, JSON.parse(body.toString()) as Answer);
}

type Answer = { ok: true; value: unknown } | { ok: false; code: string; message: string };

function valueOf(name: string, answer: Answer): unknown {
  if (!answer.ok) throw new Error(`${name}: ${answer.code} ${answer.message}`);
  return answer.value;
}
