import { type Bindings, type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Config } from '#config/env.ts';
import { LIMITS, type Limits } from '#config/limits.ts';
import { sanitiseFields, sanitiseText } from './log-fields.ts';
import { LogSink, type SinkLimits, standardSink } from './log-sink.ts';
import { LogThrottle, type Summary, type ThrottleLimits } from './log-throttle.ts';

export type Log = Logger;

/** How many lines are missing in a log since its start, and why. */
export interface MissingLines {
  /** Counted in a summary, because there were too many of the same kind. */
  readonly summarised: number;
  /** The log could not be written, or not fast enough. */
  readonly dropped: number;
}

const missingLines = new WeakMap<Log, () => MissingLines>();

/** For a logger that `createLog` returned. */
export function missingLinesOf(log: Log): MissingLines {
  return missingLines.get(log)?.() ?? { summarised: 0, dropped: 0 };
}

/**
 * Logs JSON lines, or a readable format on a terminal. All fields are sanitised: cut to a length, on
 * one line, without control characters and without secrets. Messages are our own sentences. Too many
 * lines of one kind are summarised, and a destination that can't be written never blocks.
 */
export function createLog(
  config: Pick<Config, 'logLevel'>,
  isTerminal: boolean,
  destination: DestinationStream = standardSink('stdout', LIMITS),
  limits: SinkLimits & ThrottleLimits & Pick<Limits, 'logSummaryMs'> = LIMITS,
): Log {
  const throttle = new LogThrottle(limits, (summary) => report(summary));
  let isSummary = false;
  // An operator who asks for level debug or trace wants every line.
  const isLimited = config.logLevel !== 'debug' && config.logLevel !== 'trace';
  const allows = (args: readonly unknown[], level: number) =>
    !isLimited || isSummary || throttle.allows(level, ...kindOf(args));
  const options = {
    level: config.logLevel,
    base: null,
    formatters: { log: sanitiseFields },
    hooks: {
      logMethod(this: Log, args: Parameters<LogFn>, method: LogFn, level: number): void {
        if (allows(args, level)) logSanitised.call(this, args, method);
      },
    },
    // sanitiseFields formats errors, at any depth.
    serializers: { err: (error: unknown) => error },
  };
  const log = sanitiseChildren(pino(options, isTerminal ? readable(destination) : destination));
  const report = ({ level, line, code, leftOut }: Summary) => {
    isSummary = true;
    const fields = { line, ...(code !== undefined && { code }), leftOut };
    const text = `lines left out of the log within ${limits.logSummaryMs / 1_000} s`;
    log[levelName(level)](fields, text);
    isSummary = false;
  };
  if (destination instanceof LogSink) {
    destination.onRecovered = (dropped) =>
      log.warn({ dropped }, 'log lines were dropped: the log could not be written fast enough');
  }
  missingLines.set(log, () => ({
    summarised: throttle.leftOut,
    dropped: destination instanceof LogSink ? destination.dropped : 0,
  }));
  return log;
}

/** Formats in this process: a thread that writes would keep the process from ending. */
function readable(destination: DestinationStream): DestinationStream {
  const format = prettyFactory({ translateTime: 'HH:MM:ss', ignore: 'pid,hostname' });
  return { write: (line) => destination.write(format(line)) };
}

function levelName(level: number): 'info' | 'warn' | 'error' | 'fatal' {
  const name = pino.levels.labels[level];
  return name === 'warn' || name === 'error' || name === 'fatal' ? name : 'info';
}

/** The message of a record, and the error code among its fields. */
function kindOf(args: readonly unknown[]): [line: string, code: string | undefined] {
  const [first, second] = args;
  if (typeof first === 'string') return [first, undefined];
  if (first instanceof Error) return ['error', undefined];
  const code: unknown =
    typeof first === 'object' && first !== null ? Reflect.get(first, 'code') : undefined;
  return [
    typeof second === 'string' ? second : '',
    typeof code === 'string' ? sanitiseText(code) : undefined,
  ];
}

/** pino would use the message of an error that is logged alone, without sanitising it. */
function logSanitised(this: Log, args: Parameters<LogFn>, method: LogFn): void {
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
