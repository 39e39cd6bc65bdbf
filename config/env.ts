/** Turns the environment into a typed, frozen Config. All problems are reported at once. */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Limits } from './limits.ts';

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly mediaPort: number;
  /** The IP address on which media listens; undefined: every address. */
  readonly mediaListenAddress: string | undefined;
  /** The number of proxies before this server, or their addresses or networks. */
  readonly trustProxy: number | readonly string[];
  /** The limits of config/limits.ts that the operator has changed. */
  readonly limits: Partial<
    Pick<Limits, 'socketsPerAddressMax' | 'connectsPerAddressMax' | 'encoderBitrateMaxBps'>
  >;
  /** For which viewers the server estimates bandwidth: those with a lossy connection, or all. */
  readonly estimation: 'auto' | 'always';
  /** Address of the metrics; undefined: off. Port 0 chooses a free port. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  /** The address that clients use for media; undefined: every address that this machine has. */
  readonly announcedAddress: string | undefined;
  readonly workers: number;
  /** Path of the media worker's binary; undefined: the one in the mediasoup package. */
  readonly workerBin: string | undefined;
  /** Whether media workers send packets in batches: `auto` where it works, or never. */
  readonly egressBatching: 'auto' | 'off';
  /** Path of the library for that, which also protects the media ports; undefined: none. */
  readonly egressLibrary: string | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  /** Origins, in addition to the server's own, whose pages may connect. */
  readonly allowedOrigins: readonly string[];
  /** Names, in lower case, by which browsers reach this server, in addition to addresses and localhost. */
  readonly publicHosts: readonly string[];
  /** Origins whose pages may embed a room in a frame; `*` for any. */
  readonly embedOrigins: readonly string[];
  /**
   * Verifies the tokens that are then needed to enter a room; undefined: no tokens. A key object
   * does not reveal the secret when it is logged, printed or written as JSON.
   */
  readonly authKey: KeyObject | undefined;
  /** The folder for what rooms' ownership needs across restarts; undefined: nothing is kept. */
  readonly stateDir: string | undefined;
  /** Serves the frontend through Vite with hot module replacement instead of the built files. */
  readonly dev: boolean;
}

/** The message has a line for each problem. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n  ${problems.join('\n  ')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const integer = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,7}$/, `a whole number from ${min} to ${max}`),
    v.transform(Number),
    v.minValue(min, `a whole number from ${min} to ${max}`),
    v.maxValue(max, `a whole number from ${min} to ${max}`),
  );
const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const ipAddress = v.pipe(v.string(), v.ip('an IP address such as 0.0.0.0'));
/** HS256 needs a key at least as long as its hash (RFC 7518, section 3.2). */
const AUTH_SECRET_MIN_BYTES = 32;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

const VARIABLES = {
  HOST: v.optional(ipAddress, '0.0.0.0'),
  PORT: v.optional(integer(0, 65_535), '8088'),
  MEDIA_PORT: v.optional(integer(1_024, 65_000), '17400'),
  MEDIA_LISTEN_ADDRESS: v.optional(ipAddress),
  ANNOUNCED_ADDRESS: v.optional(
    v.union(
      [v.pipe(v.string(), v.ip()), v.pipe(v.string(), v.regex(HOST_NAME))],
      'an IP address or host name that clients can reach, such as 203.0.113.7',
    ),
  ),
  WORKERS: v.optional(integer(1, 64), () => String(Math.min(availableParallelism(), 64))),
  MEDIASOUP_WORKER_BIN: v.optional(v.string()),
  MEDIA_EGRESS_BATCHING: v.optional(v.picklist(['auto', 'off'], 'auto or off'), 'auto'),
  MEDIA_EGRESS_LIBRARY: v.optional(v.string()),
  LOG_LEVEL: v.optional(v.picklist(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`), 'info'),
  ALLOWED_ORIGINS: v.optional(
    v.pipe(
      v.string(),
      v.transform((value) => value.split(',').map((origin) => origin.trim())),
      v.array(
        v.pipe(
          v.string(),
          v.check(isOrigin, 'origins separated by commas, such as https://video.example.org'),
        ),
      ),
    ),
  ),
  PUBLIC_HOSTS: v.optional(
    v.pipe(
      v.string(),
      v.transform((value) => value.split(',').map((name) => name.trim().toLowerCase())),
      v.check(
        (names) => names.every((name) => HOST_NAME.test(name)),
        'host names without scheme and port, separated by commas, such as live.example.org',
      ),
    ),
  ),
  EMBED_ORIGINS: v.optional(
    v.pipe(
      v.string(),
      v.transform((value) => value.split(',').map((origin) => origin.trim())),
      v.check(
        (origins) => origins.every(isWebOrigin) || (origins.length === 1 && origins[0] === '*'),
        '* or origins separated by commas, such as https://www.example.org',
      ),
    ),
  ),
  AUTH_SECRET: v.optional(
    v.pipe(
      v.string(),
      v.check((value) => Buffer.byteLength(value) >= AUTH_SECRET_MIN_BYTES),
      v.transform((value) => createSecretKey(Buffer.from(value))),
    ),
  ),
  TRUST_PROXY: v.optional(
    v.pipe(
      v.string(),
      v.transform((value) => value.split(',').map((entry) => entry.trim())),
      v.check(
        (entries) => entries.every(isNetwork) || (entries.length === 1 && isHops(entries[0])),
        'the number of proxies before this server (0 to 9), or their addresses separated by commas, such as 127.0.0.1,10.0.0.0/8',
      ),
      v.transform((entries) => (isHops(entries[0]) ? Number(entries[0]) : Object.freeze(entries))),
    ),
    '0',
  ),
  MAX_SOCKETS_PER_ADDRESS: v.optional(integer(1, 1_000_000)),
  MAX_CONNECTS_PER_ADDRESS: v.optional(integer(1, 1_000_000)),
  MAX_ENCODER_KBPS: v.optional(integer(100, 1_000_000)),
  BANDWIDTH_ESTIMATION: v.optional(v.picklist(['auto', 'always'], 'auto or always'), 'auto'),
  METRICS: v.optional(v.picklist(['on', 'off'], 'on or off'), 'on'),
  METRICS_HOST: v.optional(ipAddress, '127.0.0.1'),
  METRICS_PORT: v.optional(integer(0, 65_535), '9464'),
  STATE_DIR: v.optional(v.string(), join(import.meta.dirname, '../state')),
  ONECAST_DEV: v.optional(v.picklist(['0', '1'], '0 or 1'), '0'),
} as const;

/** Every variable that `readConfig` reads. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(VARIABLES);

/**
 * An empty variable counts as unset, because Compose files write unset variables that way.
 * @throws ConfigError that names each wrong variable, its value and what is allowed
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const read = <const S extends v.GenericSchema>(name: string, schema: S) => {
    const value = env[name] === '' ? undefined : env[name];
    const parsed = v.safeParse(schema, value);
    if (parsed.success) return parsed.output;
    problems.push(`${name} is ${JSON.stringify(value)} and must be ${parsed.issues[0].message}`);
    return undefined;
  };
  const metrics = {
    host: read('METRICS_HOST', VARIABLES.METRICS_HOST) ?? '',
    port: read('METRICS_PORT', VARIABLES.METRICS_PORT) ?? 0,
  };
  const socketsPerAddressMax = read('MAX_SOCKETS_PER_ADDRESS', VARIABLES.MAX_SOCKETS_PER_ADDRESS);
  const connectsPerAddressMax = read(
    'MAX_CONNECTS_PER_ADDRESS',
    VARIABLES.MAX_CONNECTS_PER_ADDRESS,
  );
  const encoderKbpsMax = read('MAX_ENCODER_KBPS', VARIABLES.MAX_ENCODER_KBPS);
  const stateDir = read('STATE_DIR', VARIABLES.STATE_DIR);
  const egressLibrary = read('MEDIA_EGRESS_LIBRARY', VARIABLES.MEDIA_EGRESS_LIBRARY);
  const values = {
    host: read('HOST', VARIABLES.HOST) ?? '',
    port: read('PORT', VARIABLES.PORT) ?? 0,
    mediaPort: read('MEDIA_PORT', VARIABLES.MEDIA_PORT) ?? 0,
    mediaListenAddress: read('MEDIA_LISTEN_ADDRESS', VARIABLES.MEDIA_LISTEN_ADDRESS),
    announcedAddress: read('ANNOUNCED_ADDRESS', VARIABLES.ANNOUNCED_ADDRESS),
    workers: read('WORKERS', VARIABLES.WORKERS) ?? 0,
    workerBin: read('MEDIASOUP_WORKER_BIN', VARIABLES.MEDIASOUP_WORKER_BIN),
    egressBatching: read('MEDIA_EGRESS_BATCHING', VARIABLES.MEDIA_EGRESS_BATCHING) ?? 'auto',
    egressLibrary: egressLibrary === 'none' ? undefined : egressLibrary,
    logLevel: read('LOG_LEVEL', VARIABLES.LOG_LEVEL) ?? 'info',
    allowedOrigins: Object.freeze(read('ALLOWED_ORIGINS', VARIABLES.ALLOWED_ORIGINS) ?? []),
    publicHosts: Object.freeze(read('PUBLIC_HOSTS', VARIABLES.PUBLIC_HOSTS) ?? []),
    embedOrigins: Object.freeze(read('EMBED_ORIGINS', VARIABLES.EMBED_ORIGINS) ?? []),
    authKey: readAuthKey(env, problems),
    trustProxy: read('TRUST_PROXY', VARIABLES.TRUST_PROXY) ?? 0,
    limits: Object.freeze({
      ...(socketsPerAddressMax !== undefined && { socketsPerAddressMax }),
      ...(connectsPerAddressMax !== undefined && { connectsPerAddressMax }),
      ...(encoderKbpsMax !== undefined && { encoderBitrateMaxBps: encoderKbpsMax * 1_000 }),
    }),
    estimation: read('BANDWIDTH_ESTIMATION', VARIABLES.BANDWIDTH_ESTIMATION) ?? 'auto',
    metrics: read('METRICS', VARIABLES.METRICS) === 'off' ? undefined : Object.freeze(metrics),
    stateDir: stateDir === 'none' ? undefined : stateDir,
    dev: read('ONECAST_DEV', VARIABLES.ONECAST_DEV) === '1',
  };
  const lastMediaPort = values.mediaPort + values.workers - 1;
  if (lastMediaPort > 65_535) {
    problems.push(
      `MEDIA_PORT ${values.mediaPort} and WORKERS ${values.workers} need ports above 65535`,
    );
  }
  for (const [name, port] of [
    ['PORT', values.port],
    ['METRICS_PORT', values.metrics?.port ?? 0],
  ] as const) {
    if (port !== 0 && port >= values.mediaPort && port <= lastMediaPort) {
      problems.push(
        `${name} ${port} is one of the media ports ${values.mediaPort} to ${lastMediaPort}`,
      );
    }
  }
  if (values.port !== 0 && values.metrics?.port === values.port) {
    problems.push(`METRICS_PORT ${values.port} is the same as PORT`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values);
}

/**
 * Reads the only secret of the configuration. A problem is added to `problems`; it shows the length of
 * the secret, never the secret. Returns undefined if there is no secret or it is wrong.
 */
export function readAuthKey(
  { AUTH_SECRET }: Readonly<Record<string, string | undefined>>,
  problems: string[],
): KeyObject | undefined {
  const parsed = v.safeParse(VARIABLES.AUTH_SECRET, AUTH_SECRET === '' ? undefined : AUTH_SECRET);
  if (parsed.success) return parsed.output;
  const bytes = Buffer.byteLength(AUTH_SECRET ?? '');
  problems.push(
    `AUTH_SECRET is ${bytes} bytes long and must be ${AUTH_SECRET_MIN_BYTES} or more; create one with: openssl rand -base64 32`,
  );
  return undefined;
}

function isHops(value: string | undefined): boolean {
  return value !== undefined && /^\d$/.test(value);
}

/** An IP address, or a network such as 10.0.0.0/8. */
function isNetwork(value: string): boolean {
  const [address = '', prefix, ...more] = value.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return (
    prefix === undefined ||
    (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
  );
}

function isOrigin(value: string): boolean {
  try {
    return new URL(value).origin === value;
  } catch {
    return false;
  }
}

/** An origin that is safe in a Content-Security-Policy: http or https, and a host without wildcards or separators. */
function isWebOrigin(value: string): boolean {
  return isOrigin(value) && /^https?:\/\/[a-z0-9.:[\]-]+$/.test(value);
}
