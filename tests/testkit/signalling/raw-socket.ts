import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Only ends a wait that hangs. */
const GUARD_MS = 30_000;
export const OPCODE = {
  continuation: 0,
  text: 1,
  binary: 2,
  unknown: 3,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

/** False claims in the header of a frame. */
export interface FalseHeader {
  /** Announced in place of the real length. */
  readonly length?: number;
  /** A client's frames must be masked (RFC 6455, 5.1). */
  readonly masked?: boolean;
}

/**
 * A websocket to the server at the level of frames: it can send what no well-behaved client can. It
 * answers Engine.IO's pings; everything else of Engine.IO and Socket.IO is up to the test.
 */
export class RawSocket {
  readonly #socket: Socket;
  readonly #acks = new Map<number, (text: string) => void>();
  #buffer = Buffer.alloc(0);
  #requests = 0;
  /** Every Engine.IO packet that arrived, except pings and acks. */
  readonly received: string[] = [];
  /** Resolves when the connection is closed, by either side. */
  readonly closed: Promise<void>;
  #open = true;
  /** Between two fragments of a message no other message may be sent. */
  #unfinished = false;

  /** Opens the websocket, Engine.IO and Socket.IO's default namespace. */
  static async open(url: string): Promise<RawSocket> {
    const socket = await RawSocket.openEngineIo(url);
    socket.send('40');
    await socket.waitForPacket((packet) => packet.startsWith('40'));
    return socket;
  }

  /** Opens the websocket and Engine.IO, but no Socket.IO namespace. */
  static async openEngineIo(url: string): Promise<RawSocket> {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const key = randomBytes(16).toString('base64');
    socket.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    let head = Buffer.alloc(0);
    while (!head.includes('\r\n\r\n')) {
      const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(GUARD_MS) })) as [
        Buffer,
      ];
      head = Buffer.concat([head, data]);
    }
    const accept = createHash('sha1')
      .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    if (!head.toString().includes(accept)) {
      socket.destroy();
      throw new Error(`refused: ${head.toString().split('\r\n', 1)[0]}`);
    }
    const raw = new RawSocket(socket);
    raw.#read(head.subarray(head.indexOf('\r\n\r\n') + 4));
    await raw.waitForPacket((packet) => packet.startsWith('0'));
    return raw;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (data) => this.#read(data));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#open = false;
        for (const ack of this.#acks.values()) ack('');
        resolve();
      });
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Sends one whole message. */
  send(payload: string | Uint8Array): void {
    this.frame(typeof payload === 'string' ? OPCODE.text : OPCODE.binary, payload);
  }

  /** Sends one frame. Without `last`, more fragments of the same message follow. */
  frame(
    opcode: number,
    payload: string | Uint8Array = '',
    last = true,
    { length, masked = true }: FalseHeader = {},
  ): void {
    if (!this.#open) return;
    if (opcode <= OPCODE.unknown) this.#unfinished = !last;
    const body = Buffer.from(payload);
    const announced = length ?? body.length;
    const head = Buffer.alloc(announced < 126 ? 2 : announced < 65_536 ? 4 : 10);
    head[0] = (last ? 0x80 : 0) | opcode;
    head[1] = (masked ? 0x80 : 0) | (announced < 126 ? announced : announced < 65_536 ? 126 : 127);
    if (head.length === 4) head.writeUInt16BE(announced, 2);
    if (head.length === 10) head.writeBigUInt64BE(BigInt(announced), 2);
    // A mask of zeros leaves the payload as it is.
    this.#socket.write(Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), body]));
  }

  /** Stops reading: what the server sends stays in the server's buffers. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Sends a request with any JSON text as payload; returns the ack, or undefined when the connection closes first. */
  async request(name: string, payload: string): Promise<unknown> {
    const id = (this.#requests += 1);
    const text = await this.#ack(id, () =>
      this.send(`42${id}[${JSON.stringify(name)},${payload}]`),
    );
    if (text === '') return undefined;
    const [ack] = JSON.parse(text) as unknown[];
    return ack;
  }

  async #ack(id: number, send: () => void): Promise<string> {
    if (!this.#open) return '';
    return new Promise((resolve, reject) => {
      const guard = setTimeout(() => reject(new Error(`no ack ${id}`)), GUARD_MS);
      this.#acks.set(id, (text) => {
        clearTimeout(guard);
        this.#acks.delete(id);
        resolve(text);
      });
      send();
    });
  }

  /** The first packet that matches, past or future. @throws when the connection closes first */
  async waitForPacket(matches: (packet: string) => boolean): Promise<string> {
    const deadline = performance.now() + GUARD_MS;
    for (;;) {
      const found = this.received.find(matches);
      if (found !== undefined) return found;
      if (!this.#open) throw new Error('the connection is closed');
      if (performance.now() > deadline) throw new Error('no such packet arrived');
      await Promise.race([once(this.#socket, 'data').catch(() => undefined), this.closed]);
    }
  }

  #read(data: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      const frame = this.#nextFrame();
      if (frame === undefined) return;
      // Engine.IO's ping.
      if (frame === '2') {
        if (!this.#unfinished) this.send('3');
      } else this.#dispatch(frame);
    }
  }

  #dispatch(packet: string): void {
    const ack = /^43(\d+)(\[.*)$/s.exec(packet);
    if (ack?.[2] === undefined) this.received.push(packet);
    else this.#acks.get(Number(ack[1]))?.(ack[2]);
  }

  /** Text of the next whole frame; '' for other kinds of frames; undefined when no frame is complete. */
  #nextFrame(): string | undefined {
    if (this.#buffer.length < 2) return undefined;
    const short = (this.#buffer[1] ?? 0) & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (this.#buffer.length < head) return undefined;
    const length =
      short < 126
        ? short
        : short === 126
          ? this.#buffer.readUInt16BE(2)
          : Number(this.#buffer.readBigUInt64BE(2));
    if (this.#buffer.length < head + length) return undefined;
    const opcode = (this.#buffer[0] ?? 0) & 0x0f;
    // The server would wait 30 s for our close frame; no test needs it.
    if (opcode === OPCODE.close) this.#socket.destroy();
    const text =
      opcode === OPCODE.text ? this.#buffer.subarray(head, head + length).toString() : '';
    this.#buffer = this.#buffer.subarray(head + length);
    return text;
  }

  close(): void {
    this.#socket.destroy();
  }
}
