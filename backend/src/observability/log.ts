import { type Bindings, type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import type { Config } from '#config/env.ts';
import { sanitiseFields, sanitiseText } from './log-fields.ts';

export type Log = Logger;

/**
 * Logs JSON lines, or a readable format on a terminal. All fields are sanitised: cut to a length, on
 * one line, without control characters and without secrets. Messages are our own sentences.
 */
export function createLog(
  config: Pick<Config, 'logLevel'>,
  isTerminal: boolean,
  destination?: DestinationStream,
): Log {
  const options = {
    level: config.logLevel,
    base: null,
    formatters: { log: sanitiseFields },
    hooks: { logMethod: sanitiseMessage },
    // sanitiseFields formats errors, at any depth.
    serializers: { err: (error: unknown) => error },
  };
  if (destination) return sanitiseChildren(pino(options, destination));
  if (!isTerminal) return sanitiseChildren(pino(options));
  const pretty = {
    target: 'pino-pretty',
    options: { translateTime: 'HH:MM:ss', ignore: 'pid,hostname' },
  };
  return sanitiseChildren(pino({ ...options, transport: pretty }));
}

/** pino would use the message of an error that is logged alone, without sanitising it. */
function sanitiseMessage(this: Log, args: Parameters<LogFn>, method: LogFn): void {
  const [first] = args as readonly unknown[];
  if (first instanceof Error) method.call(this, { err: first }, sanitiseText(first.message));
  else Reflect.apply(method, this, args.map(sanitiseIfText));
}

const sanitiseIfText = (value: unknown) =>
  typeof value === 'string' ? sanitiseText(value) : value;

/**
 * pino calls `formatters.bindings` for the root logger only, so the bindings of children are sanitised
 * here. A child inherits the replaced method.
 */
function sanitiseChildren(log: Log): Log {
  // oxlint-disable-next-line typescript/unbound-method -- called below with the right `this`
  const { child } = log;
  Reflect.set(
    log,
    'child',
    function sanitisedChild(this: Log, bindings: Bindings, options?: object) {
      return child.call(this, sanitiseFields(bindings), options);
    },
  );
  return log;
}

/** Runs work that nothing awaits. A failure is logged as `<what> failed`. */
export function runInBackground(log: Log, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => log.error({ err: error }, `${what} failed`));
}
