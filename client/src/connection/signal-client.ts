import { io, type Socket } from 'socket.io-client';
import * as v from 'valibot';
import { OnecastError } from '#protocol/errors.ts';
import { ResultSchema } from '#protocol/result.ts';
import {
  ANSWERS,
  type AnswerOf,
  PUSHES,
  type PushName,
  type PushOf,
  type RequestName,
  type RequestOf,
} from '#protocol/signalling.ts';
import { TIMING } from './timing.ts';

export interface SignalEvents {
  up(): void;
  down(): void;
  push: { readonly [N in PushName]?: (payload: PushOf<N>) => void };
}

const PROBE_MIN_MS = 600;

/** The page's only socket. The machine decides when to reconnect; Socket.IO never does. */
export class SignalClient {
  readonly #events: SignalEvents;
  #socket: Socket | undefined;
  #requests = 0;
  /** The slowest answer so far, ms: how long an answer may take on this connection. */
  #slowestMs = 0;

  constructor(events: SignalEvents) {
    this.#events = events;
  }

  get isUp(): boolean {
    return this.#socket?.connected === true;
  }

  /** Requests sent on the present socket. */
  get requestCount(): number {
    return this.#requests;
  }

  open(): void {
    this.close();
    const socket = io({
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      timeout: TIMING.socketDeadlineMs,
    });
    this.#socket = socket;
    this.#requests = 0;
    const current = () => this.#socket === socket;
    socket.on('connect', () => current() && this.#events.up());
    for (const gone of ['disconnect', 'connect_error']) {
      socket.on(gone, () => {
        if (!current()) return;
        this.close();
        this.#events.down();
      });
    }
    for (const [name, schema] of Object.entries(PUSHES)) {
      if (!isPushName(name)) continue;
      socket.on(name, (raw: unknown) => {
        if (!current()) return;
        const parsed = v.safeParse(schema, raw);
        if (!parsed.success) {
          console.warn(`onecast: an invalid ${name} was dropped:`, parsed.issues[0].message);
          return;
        }
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a name's schema and listener belong together; TypeScript does not follow that through a loop
        const listener = this.#events.push[name] as ((payload: unknown) => void) | undefined;
        listener?.(parsed.output);
      });
    }
  }

  /**
   * Sends one request and waits for its ack.
   * @throws OnecastError where the server refuses; Error where no answer comes or the socket closes.
   */
  async request<N extends RequestName>(name: N, payload: Outgoing<N>): Promise<AnswerOf<N>> {
    const socket = this.#socket;
    if (!socket?.connected) throw new Error(`${name}: no socket`);
    this.#requests += 1;
    const requestId = newRequestId();
    const sent = performance.now();
    const ack: unknown = await socket
      .timeout(TIMING.answerDeadlineMs)
      .emitWithAck(name, { requestId, ...payload });
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - sent);
    return parseAnswer(name, ack);
  }

  /**
   * Like `request`, on a connection that may be dead: if no answer comes within a time computed from
   * the earlier answers, the socket is closed without waiting for missed pings.
   */
  async probe<N extends RequestName>(name: N, payload: Outgoing<N>): Promise<AnswerOf<N>> {
    const socket = this.#socket;
    const deadlineMs = Math.max(PROBE_MIN_MS, 4 * this.#slowestMs);
    const giveUp = setTimeout(() => {
      if (this.#socket !== socket) return;
      this.close();
      this.#events.down();
    }, deadlineMs);
    try {
      return await this.request(name, payload);
    } finally {
      clearTimeout(giveUp);
    }
  }

  /** Idempotent; calls no listener. */
  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.off();
    socket?.disconnect();
  }

  /** Cuts the connection as a network fault would, to simulate one. */
  cut(): void {
    this.#socket?.io.engine.close();
  }
}

/**
 * The value of a server's answer to a request of this name.
 * @throws OnecastError where the server refused; Error where the answer is invalid.
 */
export function parseAnswer<N extends RequestName>(name: N, answer: unknown): AnswerOf<N> {
  const result = v.parse(ResultSchema, answer);
  if (!result.ok) throw new OnecastError(result.code, result.message);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parsed by this name's own schema
  return v.parse(ANSWERS[name], result.value) as AnswerOf<N>;
}

export function newRequestId(): string {
  return crypto.getRandomValues(new Uint32Array(3)).join('-');
}

/** A request as the page fills it in. Media parameters are sent as the browser created them. */
export type Outgoing<N extends RequestName> = {
  readonly [K in keyof Omit<RequestOf<N>, 'requestId'>]: AsMade<RequestOf<N>[K]>;
};
type AsMade<T> = T extends string | readonly unknown[] ? T : T extends object ? object : T;

function isPushName(name: string): name is PushName {
  return Object.hasOwn(PUSHES, name);
}
