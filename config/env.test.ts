import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from './env.ts';

describe('SRV-1 configuration comes from the environment, and all problems are reported at once', () => {
  test('an empty environment is a complete configuration', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      port: 8088,
      mediaPort: 17_400,
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
    expect(readConfig({ MAX_ENCODER_KBPS: '8000' }).limits).toEqual({
      encoderBitrateMaxBps: 8_000_000,
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

  test('one error lists every problem, with the variable, its value and what is allowed', () => {
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
    const { problems, message } = error as ConfigError;
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
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
    [{ MEDIA_PORT: '64999', WORKERS: '64', PORT: '65010' }, 'PORT 65010 is one of the media ports'],
    [{ MEDIA_PORT: '8087', WORKERS: '2' }, 'PORT 8088 is one of the media ports'],
    [{ MEDIA_PORT: '9460', WORKERS: '8' }, 'METRICS_PORT 9464 is one of the media ports'],
    [{ TRUST_PROXY: 'everybody' }, 'TRUST_PROXY is "everybody" and must be the number of proxies'],
    [{ TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY'],
    [{ TRUST_PROXY: '1,2' }, 'TRUST_PROXY'],
    [{ MAX_SOCKETS_PER_ADDRESS: '0' }, 'MAX_SOCKETS_PER_ADDRESS is "0"'],
    [{ PORT: '9464' }, 'METRICS_PORT 9464 is the same as PORT'],
  ])('values that contradict each other or make no sense are a problem: %j', (env, problem) => {
    expect(() => readConfig(env)).toThrow(problem);
  });
});

describe('SEC-13 which pages may embed a room', () => {
  test('none, unless the operator allows it', () => {
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
  ])('%s is a problem', (origins) => {
    expect(() => readConfig({ EMBED_ORIGINS: origins })).toThrow('EMBED_ORIGINS is');
  });
});

describe('SEC-7 the secret that signs tokens is never revealed', () => {
  const SECRET = 'a secret of more than thirty-two bytes';

  test('it is read, and does not appear in the configuration', () => {
    const config = readConfig({ AUTH_SECRET: SECRET });
    expect(config.authKey?.export().toString()).toBe(SECRET);
    for (const shown of [JSON.stringify(config), inspect(config, { depth: 9 })]) {
      expect(shown).not.toContain('thirty-two');
    }
    expect(readConfig({ AUTH_SECRET: '' }).authKey).toBeUndefined();
  });

  test('a secret that is too short is a problem that shows its length and not the secret', () => {
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
