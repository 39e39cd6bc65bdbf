import { execFile } from 'node:child_process';
import { createSecretKey } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { TokenOptionsError, readClaims } from './token-options.ts';
import { verifyToken } from './tokens.ts';

const NOW_MS = 1_700_000_000_500;
const claims = (...args: string[]) => readClaims(args, NOW_MS);

describe('TOKEN-6 npm run token', () => {
  test.each([
    [[], 7_200],
    [['--expires', '90s'], 90],
    [['--expires', '30m'], 1_800],
    [['--expires=3h'], 10_800],
    [['--expires', '365d'], 31_536_000],
  ])('%j', (more, seconds) => {
    expect(claims('--room', 'demo', '--role', 'viewer', ...more)).toEqual({
      room: 'demo',
      role: 'viewer',
      exp: 1_700_000_000 + seconds,
    });
  });

  test.each([
    [['--role', 'viewer'], '--room must be'],
    [['--room', 'a b', '--role', 'viewer'], '--room must be'],
    [['--room', 'demo'], '--role must be'],
    [['--room', 'demo', '--role', 'admin'], '--role must be'],
    [['--room', 'demo', '--role', 'viewer', '--expires', '2'], '--expires must be'],
    [['--room', 'demo', '--role', 'viewer', '--expires', '0h'], '--expires must be'],
    [['--room', 'demo', '--role', 'viewer', '--expires', '366d'], 'less than 366 days'],
    [['--room', 'demo', '--role', 'viewer', '--exp', '2h'], '--exp'],
    [['demo'], 'demo'],
    [[], '--room must be'],
  ])('%j is refused with a sentence and an example', (args, sentence) => {
    expect(() => claims(...args)).toThrow(TokenOptionsError);
    expect(() => claims(...args)).toThrow(sentence);
    expect(() => claims(...args)).toThrow('For example: npm run token -- --room demo');
  });

  test('all faults are reported at once', () => {
    expect(() => claims('--room', '!', '--role', '!')).toThrow(/--room .*\n--role /);
  });

  const run = (env: Record<string, string>) =>
    promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, 'make-token.ts'), '--room', 'demo', '--role', 'publisher'],
      { env: { ...env, PATH: process.env['PATH'] } },
    );

  test('prints a token that the server accepts, and nothing else on stdout', async () => {
    const AUTH_SECRET = 'only for this test, and long enough to sign with';
    const { stdout, stderr } = await run({ AUTH_SECRET });
    const key = createSecretKey(Buffer.from(AUTH_SECRET));
    expect(await verifyToken(key, stdout.trim(), LIMITS)).toMatchObject({
      room: 'demo',
      role: 'publisher',
    });
    expect(stderr).toContain('/publish/demo#token=');
    expect(stderr).not.toContain(stdout.trim());
  });

  test.each([
    [{}, 'AUTH_SECRET is not set'],
    [{ AUTH_SECRET: 'too-short-by-far' }, 'AUTH_SECRET is 16 bytes long'],
  ])('without a valid secret it fails with a sentence: %j', async (env, sentence) => {
    const failed = await run(env).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(sentence),
    });
    expect((failed as { stderr: string }).stderr).not.toContain('too-short');
  });
});
