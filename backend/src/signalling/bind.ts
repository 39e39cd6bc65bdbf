import type { Socket } from 'socket.io';
import * as v from 'valibot';
import type { Log } from '../observability/log.ts';
import { ERRORS, OnecastError } from '../protocol/errors.ts';
import type { Result } from '../protocol/result.ts';
import {
  type AnswerOf,
  REQUESTS,
  type RequestName,
  type RequestOf,
} from '../protocol/signalling.ts';
import type { AnswerMemory } from '../rooms/answer-memory.ts';

export type Handlers = {
  readonly [N in RequestName]: (request: RequestOf<N>) => Promise<AnswerOf<N>>;
};

export interface BindOptions {
  readonly log: Log;
  /** Where the answer to a request of this name is remembered now. */
  memory(name: RequestName): AnswerMemory;
}

/** Binds every request of the protocol: parse -> once -> handle -> ack -> log. */
export function bind(socket: Socket, handlers: Handlers, options: BindOptions): void {
  for (const [name, schema] of Object.entries(REQUESTS)) {
    if (!isRequestName(name)) continue;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a name's schema and handler belong together; TypeScript does not follow that through a loop
    const handler = handlers[name] as (request: unknown) => Promise<unknown>;
    const listener = (raw: unknown, ack: unknown): void => {
      if (!isAck(ack)) return;
      const parsed = v.safeParse(schema, raw);
      if (!parsed.success) {
        options.log.info({ request: name, fault: faultOf(parsed.issues[0]) }, 'bad request');
        ack({ ok: false, code: 'bad-request', message: ERRORS['bad-request'].message });
        return;
      }
      const request = parsed.output;
      const handle = () => answer(name, () => handler(request), options.log);
      // answer() turns every failure into a Result, so this promise never rejects.
      void options.memory(name).once(`${name} ${request.requestId}`, handle).then(ack);
    };
    socket.on(name, listener);
  }
}

async function answer(
  name: RequestName,
  handle: () => Promise<unknown>,
  log: Log,
): Promise<Result<unknown>> {
  try {
    const value = await handle();
    log.debug({ request: name }, 'answered');
    return { ok: true, value: value ?? null };
  } catch (error) {
    if (error instanceof OnecastError) {
      log.info({ request: name, code: error.code }, 'refused');
      return { ok: false, code: error.code, message: error.message };
    }
    log.error({ request: name, err: error }, 'request failed');
    return { ok: false, code: 'internal', message: ERRORS.internal.message };
  }
}

function isRequestName(name: string): name is RequestName {
  return Object.hasOwn(REQUESTS, name);
}

function isAck(value: unknown): value is (result: Result<unknown>) => void {
  return typeof value === 'function';
}

/** Where and what, never the value: it may be long, or a secret. */
function faultOf(issue: v.BaseIssue<unknown>): string {
  return `${v.getDotPath(issue) ?? '(whole)'}: expected ${issue.expected ?? issue.type}`.slice(
    0,
    256,
  );
}
