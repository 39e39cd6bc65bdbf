/** The process: its environment, signals, output and exit codes. Nothing else. */
import { isIP } from 'node:net';
import { ConfigError, readConfig } from '#config/env.ts';
import { LIMITS } from '#config/limits.ts';
import { machineAddresses } from '#config/media.ts';
import { unknownVariables } from '#config/unknown-variables.ts';
import { type App, createApp } from './app.ts';
import { createLog } from './observability/log.ts';
import { standardSink } from './observability/log-sink.ts';
import { Metrics } from './observability/metrics.ts';
import { forgetSecrets } from './forget-secrets.ts';
import { PortsError } from './ports/port-check.ts';
import { startWarnings } from './ports/start-warnings.ts';

// Everything that is written goes through these two: process.stdout.write can block.
const output = standardSink('stdout', LIMITS);
const errors = standardSink('stderr', LIMITS);

const config = await orExit(() => readConfig(process.env));
const log = createLog(config, process.stdout.isTTY, output);
for (const sentence of unknownVariables(process.env)) log.warn(sentence);
for (const sentence of startWarnings(config)) log.warn(sentence);
forgetSecrets();

const starting = new AbortController();
let app: App | undefined;
let stoppingSince: number | undefined;

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stoppingSince === undefined) stop(signal);
    else if (signal === 'SIGINT') exitIfAskedAgain(stoppingSince);
  });
}
// Node's own listener writes to stderr, which can block.
process.removeAllListeners('warning');
process.on('warning', (warning) => log.warn({ err: warning }, 'warning of Node'));
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'unexpected error: the server ends');
  void exit(1);
});

/**
 * A service manager signals all processes, and npm and our own commands pass the signal on, so one stop
 * arrives several times at once. A person who presses Ctrl+C again does not want to wait.
 */
function exitIfAskedAgain(since: number): void {
  if (performance.now() - since > LIMITS.repeatedSignalMs) process.exit(130);
}

function stop(signal: NodeJS.Signals): void {
  stoppingSince = performance.now();
  log.info({ signal }, 'stopping');
  setTimeout(() => {
    log.error('did not stop in time');
    void exit(1);
  }, LIMITS.shutdownDeadlineMs - LIMITS.logFlushMs).unref();
  starting.abort();
  void drain();
}

async function drain(): Promise<void> {
  try {
    await app?.drain();
    log.info('stopped');
    await exit(0);
  } catch (error) {
    log.error({ err: error }, 'could not stop cleanly');
    await exit(1);
  }
}

/** Ends the process, whatever its output does: lines that can't be written within a moment are lost. */
async function exit(code: number): Promise<never> {
  await Promise.all([output, errors].map((sink) => sink.flush(LIMITS.logFlushMs)));
  if (output.holdsExit || errors.holdsExit) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}

try {
  const metrics = new Metrics();
  metrics.watchProcess();
  app = await createApp(config, LIMITS, log, metrics, starting.signal);
} catch (error) {
  if (!starting.signal.aborted) {
    log.fatal({ err: error }, 'could not start');
    errors.write(`Onecast could not start: ${reasonOf(error)}\n`);
    await exit(1);
  }
}
if (app) {
  const { port, metricsPort } = app;
  const { workers, mediaPort } = config;
  log.info({ port, metricsPort, workers, mediaPort }, 'listening');
  output.write(welcome(port));
}

function welcome(port: number): string {
  const served = isIP(config.host);
  // Of an address for each family, the one that the pages are served on. `::` serves both.
  const outward = machineAddresses().find(
    (address) => address !== '127.0.0.1' && (served === 6 || isIP(address) === served),
  );
  const lines = [
    '',
    '  Onecast is running',
    '',
    `  Publish  http://localhost:${port}/publish`,
    `  Join     http://localhost:${port}/join`,
  ];
  // Browsers allow a camera only on https and localhost; other machines on the network can watch.
  const announced = config.announcedAddress ?? outward;
  if (outward && announced === outward) {
    const host = isIP(outward) === 6 ? `[${outward}]` : outward;
    lines.push(`           http://${host}:${port}/join  (same network)`);
  }
  if (config.authKey)
    lines.push('', '  A link needs a token: npm run token -- --room main --role publisher');
  return `${lines.join('\n')}\n\n`;
}

function reasonOf(error: unknown): string {
  if (error instanceof PortsError) return `\n  ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

async function orExit<T>(read: () => T): Promise<T> {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    errors.write(`${error.message}\n`);
    return exit(1);
  }
}
