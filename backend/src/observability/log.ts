import { type Bindings, type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import type { Config } from '#config/env.ts';
import { tidyFields, tidyText } from './log-fields.ts';

export type Log = Logger;

/**
 * JSON lines; readable ones on a terminal. Whatever the fields hold comes out cut, on one line,
 * without control characters and without secrets. Messages are sentences of our own.
 */
export function createLog(
  config: Pick<Config, 'logLevel'>,
  isTerminal: boolean,
  destination?: DestinationStream,
): Log {
  const options = {
    level: config.logLevel,
    base: null,
    formatters: { log: tidyFields },
    hooks: { logMethod: tidyMessage },
    // Left to tidyFields, which sees errors wherever they are.
    serializers: { err: (error: unknown) => error },
  };
  if (destination) return tidyChildren(pino(options, destination));
  if (!isTerminal) return tidyChildren(pino(options));
  const pretty = {
    target: 'pino-pretty',
    options: { translateTime: 'HH:MM:ss', ignore: 'pid,hostname' },
  };
  return tidyChildren(pino({ ...options, transport: pretty }));
}

/** Of a bare error pino would take the message as it is. */
function tidyMessage(this: Log, args: Parameters<LogFn>, method: LogFn): void {
  const [first] = args as readonly unknown[];
  if (first instanceof Error) method.call(this, { err: first }, tidyText(first.message));
  else Reflect.apply(method, this, args.map(tidyIfText));
}

const tidyIfText = (value: unknown) => (typeof value === 'string' ? tidyText(value) : value);

/** pino formats the bindings of the first logger only. Children inherit from it, and so this. */
function tidyChildren(log: Log): Log {
  // oxlint-disable-next-line typescript/unbound-method -- called with the logger that it is asked of
  const { child } = log;
  Reflect.set(log, 'child', function tidyChild(this: Log, bindings: Bindings, options?: object) {
    return child.call(this, tidyFields(bindings), options);
  });
  return log;
}

/** The one named runner for work nobody waits for: a failure is logged, never lost. */
export function runInBackground(log: Log, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => log.error({ err: error }, `${what} failed`));
}
