/** Signals and exit codes, nothing else. */
import { ConfigError, readConfig } from '#config/env.ts';
import { LIMITS } from '#config/limits.ts';
import { machineAddresses } from '#config/media.ts';
import { unknownVariables } from '#config/unknown-variables.ts';
import { type App, createApp } from './app.ts';
import { createLog } from './observability/log.ts';
import { Metrics } from './observability/metrics.ts';

const config = orExit(() => readConfig(process.env));
const log = createLog(config, process.stdout.isTTY);

for (const sentence of unknownVariables(process.env)) log.warn(sentence);

let app: App | undefined;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error('did not stop in time');
      process.exit(1);
    }, LIMITS.shutdownDeadlineMs).unref();
    void stop();
  });
}

async function stop(): Promise<void> {
  try {
    await app?.drain();
    log.info('stopped');
    process.exit(0);
  } catch (error) {
    log.error({ err: error }, 'could not stop cleanly');
    process.exit(1);
  }
}

try {
  const metrics = new Metrics();
  metrics.watchProcess();
  app = await createApp(config, LIMITS, log, metrics);
} catch (error) {
  log.fatal({ err: error }, 'could not start');
  process.stderr.write(`Onecast could not start: ${reasonOf(error)}\n`);
  process.exit(1);
}
log.info(
  {
    port: app.port,
    metricsPort: app.metricsPort,
    workers: config.workers,
    mediaPort: config.mediaPort,
  },
  'listening',
);
process.stdout.write(welcome(app.port));

function welcome(port: number): string {
  const outward = machineAddresses().find((address) => address !== '127.0.0.1');
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
    lines.push(`           http://${outward}:${port}/join  (same network)`);
  }
  if (config.authKey)
    lines.push('', '  A link needs a token: npm run token -- --room main --role publisher');
  return `${lines.join('\n')}\n\n`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    if ('port' in error && error.port === config.metrics?.port) {
      return `port ${config.metrics?.port} is taken; set METRICS_PORT to another, or METRICS=off`;
    }
    return `port ${config.port} is taken; set PORT to another, e.g. PORT=8090 npm start`;
  }
  return error.message;
}

function orExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(1);
  }
}
