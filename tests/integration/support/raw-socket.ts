import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

const MASK_BIT = 0x80;
const FIN_BIT = 0x80;
export const OPCODE = { continuation: 0, text: 1, binary: 2, ping: 9, pong: 10 } as const;

/** A websocket to the server, written by hand: frames that no browser's console can send. */
export class RawSocket {
  readonly #socket: Socket;
  readonly closed: Promise<unknown>;

  static async open(url: string): Promise<RawSocket> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    // It is cut in most tests.
    socket.on('error', () => undefined);
    const raw = new RawSocket(socket);
    await once(socket, 'connect');
    socket.write(
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n' +
        'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'data');
    socket.resume();
    raw.frame(OPCODE.text, '40');
    return raw;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = once(socket, 'close');
  }

  get isClosed(): boolean {
    return this.#socket.closed;
  }

  /** At most 125 bytes. */
  frame(opcode: number, payload = '', last = true): void {
    const body = Buffer.from(payload);
    // A mask of zeros leaves the payload as it is.
    const head = [(last ? FIN_BIT : 0) | opcode, MASK_BIT | body.length, 0, 0, 0, 0];
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat([Buffer.from(head), body]));
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Writes `parts` over a bare connection and gives back all that comes until the server closes it. */
export async function rawHttp(url: string, parts: AsyncIterable<string>): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const answer = text(socket).catch(() => '');
  for await (const part of parts) {
    if (socket.destroyed || socket.readableEnded) break;
    socket.write(part);
  }
  return answer;
}
