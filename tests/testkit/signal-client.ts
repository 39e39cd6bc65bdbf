import { io, type Socket } from 'socket.io-client';
import * as v from 'valibot';
import { type ErrorCode, OnecastError } from '#protocol/errors.ts';
import { ResultSchema } from '#protocol/result.ts';
import {
  ANSWERS,
  type AnswerOf,
  PUSHES,
  type PushName,
  type PushOf,
  type RequestName,
} from '#protocol/signalling.ts';
import { until } from './until.ts';

/** Only ends a request that hangs. */
const ANSWER_GUARD_MS = 30_000;
let requests = 0;

interface Pushed<N extends PushName = PushName> {
  readonly name: N;
  readonly payload: PushOf<N>;
}

/** One socket to a server, as a page has it, for Node. Every answer and push is parsed by its schema. */
export class SignalClient {
  readonly #socket: Socket;
  /** Everything the server has pushed, in order. */
  readonly pushed: Pushed[] = [];

  /** @throws where the server does not let it in */
  static async connect(url: string, headers: Record<string, string> = {}): Promise<SignalClient> {
    const socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      extraHeaders: headers,
    });
    const client = new SignalClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    for (const name of Object.keys(PUSHES) as PushName[]) {
      socket.on(name, (raw: unknown) => {
        this.pushed.push({ name, payload: v.parse(PUSHES[name], raw) });
      });
    }
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /** @throws OnecastError where it is refused */
  async request<N extends RequestName>(name: N, payload: object = {}): Promise<AnswerOf<N>> {
    const ack = await this.raw(name, { requestId: `t${(requests += 1)}`, ...payload });
    const result = v.parse(ResultSchema, ack);
    if (!result.ok) throw new OnecastError(result.code, result.message);
    return v.parse(ANSWERS[name], result.value) as AnswerOf<N>;
  }

  /** The code it is refused with, or undefined where it is carried out. */
  async codeOf(name: RequestName, payload: object = {}): Promise<ErrorCode | undefined> {
    try {
      await this.request(name, payload);
      return undefined;
    } catch (error) {
      if (error instanceof OnecastError) return error.code;
      throw error;
    }
  }

  /** Whatever is given, as it is; the ack as it comes. @throws where the socket goes first */
  async raw(name: string, payload: unknown): Promise<unknown> {
    // Socket.IO would keep it for a connection that never comes.
    if (!this.#socket.connected) throw new Error(`${name}: no socket`);
    return this.#socket.timeout(ANSWER_GUARD_MS).emitWithAck(name, payload);
  }

  /** One packet as it goes over the wire, past Socket.IO's own encoder. */
  write(packet: string): void {
    // Engine.IO adds its own first digit.
    this.#socket.io.engine.write(packet.slice(1));
  }

  of<N extends PushName>(name: N): PushOf<N>[] {
    return this.pushed
      .filter((push): push is Pushed<N> => push.name === name)
      .map(({ payload }) => payload);
  }

  /** The first push of this name that fits, past or to come. */
  async push<N extends PushName>(
    name: N,
    fits: (payload: PushOf<N>) => boolean = () => true,
  ): Promise<PushOf<N>> {
    await until(`${name} is pushed`, () => this.of(name).some(fits));
    const found = this.of(name).find(fits);
    if (!found) throw new Error(`${name} is gone`);
    return found;
  }

  /** The connection is cut as a fault would cut it. */
  cut(): void {
    this.#socket.io.engine.close();
  }

  close(): void {
    this.#socket.disconnect();
  }
}
