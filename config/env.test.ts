import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from './env.ts';
import { machineAddresses } from './media.ts';

describe('SRV-1 configuration comes from the environment, faults are told all at once', () => {
  test('an empty environment is a complete configuration', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      port: 8088,
      mediaPort: 40_000,
      announcedAddress: undefined,
      logLevel: 'info',
      egressBatching: 'auto',
      egressLibrary: undefined,
      dev: false,
    });
    expect(config.trustProxy).toBe(0);
    expect(readConfig({ TRUST_PROXY: '2' }).trustProxy).toBe(2);
    expect(readConfig({ TRUST_PROXY: '127.0.0.1, 10.0.0.0/8, ::1' }).trustProxy).toEqual([
      '127.0.0.1',
      '10.0.0.0/8',
      '::1',
    ]);
    expect(readConfig({ MAX_SOCKETS_PER_ADDRESS: '7' }).limits).toEqual({
      socketsPerAddressMax: 7,
    });
    expect(config.metrics).toEqual({ host: '127.0.0.1', port: 9_464 });
    expect(readConfig({ METRICS: 'off', PORT: '9464' }).metrics).toBeUndefined();
    expect(config.workers).toBeGreaterThanOrEqual(1);
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('an empty variable counts as unset', () => {
    expect(readConfig({ PORT: '', ANNOUNCED_ADDRESS: '' })).toMatchObject({
      port: 8088,
      announcedAddress: undefined,
    });
  });

  test('values are read', () => {
    const config = readConfig({
      PORT: '9000',
      MEDIA_PORT: '50000',
      WORKERS: '3',
      ANNOUNCED_ADDRESS: 'video.example.org',
      ALLOWED_ORIGINS: 'https://a.example, http://b.example:81',
      LOG_LEVEL: 'debug',
      ONECAST_DEV: '1',
    });
    expect(config).toMatchObject({
      port: 9000,
      mediaPort: 50_000,
      workers: 3,
      announcedAddress: 'video.example.org',
      allowedOrigins: ['https://a.example', 'http://b.example:81'],
      logLevel: 'debug',
      dev: true,
    });
  });

  test('every fault is in one error, with the variable, what it holds and what it may hold', () => {
    let error: unknown;
    try {
      readConfig({
        PORT: '80x',
        MEDIA_EGRESS_BATCHING: 'on',
        WORKERS: '0',
        ANNOUNCED_ADDRESS: 'a b',
        LOG_LEVEL: 'loud',
        ALLOWED_ORIGINS: 'https://a.example/path',
        HOST: 'here',
      });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ConfigError);
    const { faults, message } = error as ConfigError;
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
      'HOST',
      'PORT',
      'ANNOUNCED_ADDRESS',
      'WORKERS',
      'MEDIA_EGRESS_BATCHING',
      'LOG_LEVEL',
      'ALLOWED_ORIGINS',
    ]);
    expect(message).toContain('PORT is "80x" and must be a whole number from 0 to 65535');
  });

  test.each([
    [{ MEDIA_PORT: '64999', WORKERS: '64', PORT: '65010' }, 'PORT 65010 lies among'],
    [{ MEDIA_PORT: '8087', WORKERS: '2' }, 'PORT 8088 lies among'],
    [{ MEDIA_PORT: '9460', WORKERS: '8' }, 'METRICS_PORT 9464 lies among'],
    [{ TRUST_PROXY: 'everybody' }, 'TRUST_PROXY is "everybody" and must be the number of proxies'],
    [{ TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY'],
    [{ TRUST_PROXY: '1,2' }, 'TRUST_PROXY'],
    [{ MAX_SOCKETS_PER_ADDRESS: '0' }, 'MAX_SOCKETS_PER_ADDRESS is "0"'],
    [{ PORT: '9464' }, 'METRICS_PORT 9464 is PORT'],
  ])('what makes no sense is a fault: %j', (env, fault) => {
    expect(() => readConfig(env)).toThrow(fault);
  });
});

describe('SEC-13 whose pages may show a room', () => {
  test('nobody’s, unless the operator says so', () => {
    expect(readConfig({}).embedOrigins).toEqual([]);
    expect(readConfig({ EMBED_ORIGINS: '*' }).embedOrigins).toEqual(['*']);
    expect(
      readConfig({ EMBED_ORIGINS: 'https://a.example, http://[::1]:81' }).embedOrigins,
    ).toEqual(['https://a.example', 'http://[::1]:81']);
  });

  test.each([
    'a.example',
    'https://a.example/',
    '*,https://a.example',
    'https://*.example',
    'https://a.example;script-src *',
    "'self'",
    'https://a.example,',
    'null',
    'wss://a.example',
    'data:,x',
  ])('%s is a fault', (origins) => {
    expect(() => readConfig({ EMBED_ORIGINS: origins })).toThrow('EMBED_ORIGINS is');
  });
});

describe('SEC-7 the secret that signs tokens is never told', () => {
  const SECRET = 'a secret of more than thirty-two bytes';

  test('it is read, and shows nowhere in the configuration', () => {
    const config = readConfig({ AUTH_SECRET: SECRET });
    expect(config.authKey?.export().toString()).toBe(SECRET);
    for (const shown of [JSON.stringify(config), inspect(config, { depth: 9 })]) {
      expect(shown).not.toContain('thirty-two');
    }
    expect(readConfig({ AUTH_SECRET: '' }).authKey).toBeUndefined();
  });

  test('one that is too short is a fault that tells its length and not what it holds', () => {
    const short = 'not-quite-long-enough-to-sign';
    let message = '';
    try {
      readConfig({ AUTH_SECRET: short, PORT: 'x' });
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('AUTH_SECRET is 29 bytes long and must be 32 or more');
    expect(message).toContain('PORT is "x"');
    expect(message).not.toContain('not-quite');
  });

  test('bytes count, not characters', () => {
    expect(readConfig({ AUTH_SECRET: 'ä'.repeat(16) }).authKey).toBeDefined();
  });
});

test('media listens on outward addresses first and always on loopback', () => {
  const entry = (address: string, internal: boolean, family: 'IPv4' | 'IPv6' = 'IPv4') =>
    ({ address, internal, family, netmask: '', mac: '', cidr: null, scopeid: 0 }) as never;
  expect(
    machineAddresses({
      lo: [entry('127.0.0.1', true)],
      eth0: [entry('198.51.100.4', false), entry('fe80::1', false, 'IPv6')],
    }),
  ).toEqual(['198.51.100.4', '127.0.0.1']);
  expect(machineAddresses({})).toEqual(['127.0.0.1']);
});
