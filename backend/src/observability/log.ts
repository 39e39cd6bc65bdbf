import { type Logger, pino } from 'pino';
import type { Config } from '../../../config/env.ts';

export type Log = Logger;

const SECRETS = ['resumeSecret', 'publisherSecret', 'token', 'authorization', 'cookie'];

/** JSON lines; readable ones on a terminal. Secrets never reach a line: these paths are cut out. */
export function createLog(config: Pick<Config, 'logLevel'>, isTerminal: boolean): Log {
  return pino({
    level: config.logLevel,
    base: null,
    redact: SECRETS.flatMap((name) => [name, `*.${name}`]),
    ...(isTerminal && {
      transport: {
        target: 'pino-pretty',
        options: { translateTime: 'HH:MM:ss', ignore: 'pid,hostname' },
      },
    }),
  });
}

/** The one named runner for work nobody waits for: a failure is logged, never lost. */
export function runInBackground(log: Log, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => log.error({ err: error }, `${what} failed`));
}
