import type { Socket } from 'socket.io';
import * as v from 'valibot';
import type { Result } from '#protocol/result.ts';
import { type AnswerOf, REQUESTS, type RequestName, type RequestOf } from '#protocol/signalling.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics, Recovery } from '../observability/metrics.ts';
import type { AnswerMemory } from '../rooms/answer-memory.ts';
import { Answerer } from './answerer.ts';

export type Handlers = {
  readonly [N in RequestName]: (request: RequestOf<N>) => Promise<AnswerOf<N>>;
};

export interface BindOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  /** The memory that holds the answer to a request of this name; undefined if none is to be kept. */
  answerMemory(name: RequestName): AnswerMemory | undefined;
}

/** Binds every request of the protocol: parse -> once -> handle -> ack -> log -> count. */
export function bind(socket: Socket, handlers: Handlers, options: BindOptions): void {
  const { log, metrics } = options;
  const counter = new JoinAndRecoveryCounter(metrics);
  const answerer = new Answerer(log, metrics);
  const answer = async (
    name: RequestName,
    handle: () => Promise<unknown>,
  ): Promise<Result<unknown>> => {
    const result = await answerer.answer(name, handle);
    counter.answered(name, result);
    return result;
  };

  for (const [name, schema] of Object.entries(REQUESTS)) {
    if (!isRequestName(name)) continue;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a name's schema and handler belong together, which TypeScript can't follow through a loop
    const handler = handlers[name] as (request: unknown) => Promise<unknown>;
    const listener = (raw: unknown, ack: unknown): void => {
      if (!isAck(ack)) return;
      const parsed = v.safeParse(schema, raw);
      if (!parsed.success) {
        ack(answerer.badRequest(name, parsed.issues[0]));
        return;
      }
      const request = parsed.output;
      const handle = () => answer(name, async () => handler(request));
      const memory = options.answerMemory(name);
      // answer() never rejects.
      void (memory ? memory.once(`${name} ${request.requestId}`, handle) : handle()).then(ack);
    };
    socket.on(name, listener);
  }
}

function isRequestName(name: string): name is RequestName {
  return Object.hasOwn(REQUESTS, name);
}

function isAck(value: unknown): value is (result: Result<unknown>) => void {
  return typeof value === 'function';
}

const RECOVERY_OF: { readonly [N in RequestName]?: Recovery } = {
  resume: 'session-resumed',
  restartIce: 'ice-restarted',
  renewTransport: 'transport-renewed',
  renewConsumers: 'consumers-renewed',
};

/** Counts joins and recoveries, which it infers from the answers on one socket. */
class JoinAndRecoveryCounter {
  readonly #metrics: Metrics;
  readonly #openedAt = performance.now();
  #resumeRefused = false;
  /** The socket has or had a session. */
  #admitted = false;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  answered(name: RequestName, { ok }: Pick<Result<unknown>, 'ok'>): void {
    if (name === 'resume') this.#resumeRefused = !ok;
    if (!ok) return;
    const recovery = RECOVERY_OF[name];
    if (recovery) this.#metrics.recovered(recovery);
    if (name === 'join' || name === 'publish' || name === 'attach') this.#countJoin(name);
    if (name === 'resume') this.#admitted = true;
  }

  #countJoin(name: 'join' | 'publish' | 'attach'): void {
    if (this.#resumeRefused) {
      this.#resumeRefused = false;
      this.#metrics.recovered('rejoined');
    } else if (!this.#admitted) {
      const role = name === 'publish' ? 'publisher' : 'viewer';
      this.#metrics.joined(role, (performance.now() - this.#openedAt) / 1_000);
    }
    this.#admitted = true;
  }
}
