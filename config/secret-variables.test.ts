import { describe, expect, it } from 'vitest';
import { VARIABLE_NAMES } from './env.ts';
import { holdsSecret, withoutSecrets } from './secret-variables.ts';

describe('SEC-16 variables that hold secrets', () => {
  it.each([
    'AUTH_SECRET',
    'SECRET_KEY_BASE',
    'NPM_TOKEN',
    'npm_config__authToken',
    'PGPASSWORD',
    'DB_PASSWD_MAIN',
    'TLS_KEY',
    'STRIPE_APIKEY',
    'AWS_ACCESS_KEY_ID',
    'GOOGLE_CREDENTIALS',
    'SMTP_PASS',
    'SENTRY_DSN',
    'session_cookie',
  ])('%s', (name) => {
    expect(holdsSecret(name, 'x')).toBe(true);
  });

  it.each(['DATABASE_URL', 'HTTPS_PROXY', 'ANYTHING'])(
    '%s, if its value is a URL with a password',
    (name) => {
      expect(holdsSecret(name, 'postgres://user:pa55@db.example/x')).toBe(true);
      expect(holdsSecret(name, 'http://proxy.example:3128/a:b@c')).toBe(false);
    },
  );

  it.each([
    ...VARIABLE_NAMES.filter((name) => name !== 'AUTH_SECRET'),
    'PATH',
    'HOME',
    'LD_LIBRARY_PATH',
    'MEDIASOUP_VERSION',
    'SSH_AUTH_SOCK',
    'AUTH_SECRET_FILE',
    'KEYBOARD',
    'PASSENGER_APP_ENV',
  ])('not %s', (name) => {
    expect(holdsSecret(name, '/some/value')).toBe(false);
  });

  it('a copy leaves them out', () => {
    const env = { AUTH_SECRET: 'x', PATH: '/bin', EMPTY: undefined, A: 'b://c:d@e' };
    expect(withoutSecrets(env)).toEqual({ PATH: '/bin' });
  });
});
