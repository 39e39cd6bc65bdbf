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
import { waitUntil } from '../wait-until.ts';

/** Only ends a request that hangs. */
const ANSWER_GUARD_MS = 30_000;
let requests = 0;

interface Pushed<N extends PushName = PushName> {
  readonly name: N;
  readonly payload: PushOf<N>;
}

/** One signalling socket, as a page has one. Every answer and push is validated by its schema. */
export class SignalClient {
  readonly #socket: Socket;
  /** Everything the server has pushed, in order. */
  readonly pushed: Pushed[] = [];

  /** @throws when the server refuses the connection */
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
      socket.on(name, (rawRequest: unknown) => {
        this.pushed.push({ name, payload: v.parse(PUSHES[name], rawRequest) });
      });
    }
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /** @throws OnecastError when the server refuses the request */
  async request<N extends RequestName>(name: N, payload: object = {}): Promise<AnswerOf<N>> {
    const ack = await this.raw(name, { requestId: `t${(requests += 1)}`, ...payload });
    const result = v.parse(ResultSchema, ack);
    if (!result.ok) throw new OnecastError(result.code, result.message);
    return v.parse(ANSWERS[name], result.value) as AnswerOf<N>;
  }

  /** The code with which the server refuses the request; undefined when it carries the request out. */
  async errorCode(name: RequestName, payload: object = {}): Promise<ErrorCode | undefined> {
    try {
      await this.request(name, payload);
      return undefined;
    } catch (error) {
      if (error instanceof OnecastError) return error.code;
      throw error;
    }
  }

  /** Sends any payload unchanged; returns the ack unchanged. @throws when the socket closes first */
  async raw(name: string, payload: unknown): Promise<unknown> {
    // Socket.IO would queue the request for a connection that never comes.
    if (!this.#socket.connected) throw new Error(`${name}: no socket`);
    return this.#socket.timeout(ANSWER_GUARD_MS).emitWithAck(name, payload);
  }

  /** Sends one packet as it is on the wire, without Socket.IO's encoder. */
  writePacket(packet: string): void {
    // Engine.IO adds the first digit itself.
    this.#socket.io.engine.write(packet.slice(1));
  }

  /** All pushes of this name so far. */
  pushes<N extends PushName>(name: N): PushOf<N>[] {
    return this.pushed
      .filter((push): push is Pushed<N> => push.name === name)
      .map(({ payload }) => payload);
  }

  /** The first push of this name that matches, past or future. */
  async waitForPush<N extends PushName>(
    name: N,
    matches: (payload: PushOf<N>) => boolean = () => true,
  ): Promise<PushOf<N>> {
    await waitUntil(`${name} is pushed`, () => this.pushes(name).some(matches));
    const found = this.pushes(name).find(matches);
    if (!found) throw new Error(`push ${name} is gone`);
    return found;
  }

  /** Closes the connection as a network fault would: without Socket.IO's goodbye. */
  cut(): void {
    this.#socket.io.engine.close();
  }

  close(): void {
    this.#socket.disconnect();
  }
}
