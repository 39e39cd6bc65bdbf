import type { Socket } from 'socket.io';
import * as v from 'valibot';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Result } from '#protocol/result.ts';
import { type AnswerOf, REQUESTS, type RequestName, type RequestOf } from '#protocol/signalling.ts';
import type { AnswerMemory } from '../rooms/answer-memory.ts';
import { Answerer } from './answerer.ts';
import { RecoveryCount } from './recovery-count.ts';

export type Handlers = {
  readonly [N in RequestName]: (request: RequestOf<N>) => Promise<AnswerOf<N>>;
};

export interface BindOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where the answer to a request of this name is remembered now; undefined: nowhere. */
  answerMemory(name: RequestName): AnswerMemory | undefined;
}

/** Binds every request of the protocol: parse -> once -> handle -> ack -> log -> count. */
export function bind(socket: Socket, handlers: Handlers, options: BindOptions): void {
  const { log, metrics } = options;
  const recoveries = new RecoveryCount(metrics);
  const answerer = new Answerer(log, metrics);
  const answer = async (
    name: RequestName,
    handle: () => Promise<unknown>,
  ): Promise<Result<unknown>> => {
    const result = await answerer.answer(name, handle);
    recoveries.saw(name, result);
    return result;
  };

  for (const [name, schema] of Object.entries(REQUESTS)) {
    if (!isRequestName(name)) continue;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a name's schema and handler belong together; TypeScript does not follow that through a loop
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
