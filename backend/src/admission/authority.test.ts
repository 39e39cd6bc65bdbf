import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { LIMITS } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import { RoomIdSchema } from '#protocol/ids.ts';
import { Authority, type AuthorityRequest } from './authority.ts';
import { signToken } from './tokens.ts';

const key = createSecretKey(randomBytes(32));
const room = (name: string) => v.parse(RoomIdSchema, name);
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;
const silent = pino({ level: 'silent' });
const authority = new Authority(key, LIMITS, silent);

const token = (claims: Partial<Parameters<typeof signToken>[1]> = {}, signedWith = key) =>
  signToken(signedWith, { room: room('demo'), role: 'viewer', exp: inSeconds(60), ...claims });

const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A token with a valid signature, and any claims and header that an operator's backend may write. */
function tokenWith(claims: unknown, header: object = { alg: 'HS256' }): string {
  const text = `${b64(header)}.${b64(claims)}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

async function codeOf(request: Partial<AuthorityRequest>, by = authority): Promise<string> {
  try {
    await by.authorise({ room: room('demo'), role: 'viewer', token: undefined, ...request });
    return 'authorised';
  } catch (error) {
    if (error instanceof OnecastError) return error.code;
    throw error;
  }
}

describe('TOKEN-1 with a key, a signed token decides', () => {
  test('a valid token is accepted', async () => {
    expect(await codeOf({ token: await token() })).toBe('authorised');
  });

  test('a token of the operator’s own backend, with further claims, is accepted', async () => {
    const claims = { room: 'demo', role: 'viewer', exp: inSeconds(60.5), sub: 'u1', jti: 'x' };
    expect(await codeOf({ token: tokenWith(claims) })).toBe('authorised');
  });

  test.each([undefined, ''])('no token (%j): the code is token-missing', async (none) => {
    expect(await codeOf({ token: none })).toBe('token-missing');
  });

  test('a token that is signed with another key, cut, extended or changed is not valid', async () => {
    const good = await token();
    const [header = '', payload = '', signature = ''] = good.split('.');
    const forged = b64({ room: 'demo', role: 'publisher', exp: inSeconds(60) });
    const tokens = [
      await token({}, createSecretKey(randomBytes(32))),
      good.slice(0, -2),
      `${good}AA`,
      `${good}.`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${forged}.${signature}`,
      `${b64({ alg: 'none' })}.${payload}.`,
      `${b64({ alg: 'none' })}.${payload}.${signature}`,
      'not a token',
      '..',
      '🙂.🙂.🙂',
    ];
    for (const bad of tokens)
      expect([bad, await codeOf({ token: bad })]).toEqual([bad, 'token-invalid']);
  });

  test('only the algorithm HS256 is accepted, even if the signature matches', async () => {
    const claims = { room: 'demo', role: 'viewer', exp: inSeconds(60) };
    for (const alg of ['none', 'HS384', 'HS512', 'RS256', 'hs256', '', null, 256]) {
      expect([alg, await codeOf({ token: tokenWith(claims, { alg }) })]).toEqual([
        alg,
        'token-invalid',
      ]);
    }
    const critical = { alg: 'HS256', crit: ['x'], x: 1 };
    expect(await codeOf({ token: tokenWith(claims, critical) })).toBe('token-invalid');
  });

  test('room, role and exp are required and must be valid', async () => {
    const good = { room: 'demo', role: 'viewer', exp: inSeconds(60) };
    for (const claims of [
      {},
      { ...good, room: undefined },
      { ...good, room: '*' },
      { ...good, room: ['demo'] },
      { ...good, role: undefined },
      { ...good, role: 'admin' },
      { ...good, role: ['publisher'] },
      { ...good, exp: undefined },
      { ...good, exp: String(good.exp) },
      { ...good, exp: null },
      { ...good, exp: Date.now() + 60_000 },
      { ...good, exp: inSeconds(LIMITS.tokenMaxAheadS + 60) },
      { ...good, nbf: inSeconds(60) },
      [good],
      'demo',
    ]) {
      expect([claims, await codeOf({ token: tokenWith(claims) })]).toEqual([
        claims,
        'token-invalid',
      ]);
    }
    const endless = `{"room":"demo","role":"viewer","exp":1e999}`;
    const text = `${b64({ alg: 'HS256' })}.${Buffer.from(endless).toString('base64url')}`;
    const signature = createHmac('sha256', key).update(text).digest('base64url');
    expect(await codeOf({ token: `${text}.${signature}` })).toBe('token-invalid');
  });

  test('an expired token has its own code, after the tolerance', async () => {
    const { tokenToleranceS } = LIMITS;
    expect(await codeOf({ token: await token({ exp: inSeconds(-tokenToleranceS - 2) }) })).toBe(
      'token-expired',
    );
    expect(await codeOf({ token: await token({ exp: inSeconds(-tokenToleranceS + 8) }) })).toBe(
      'authorised',
    );
  });

  test('a token of another key is only “invalid”, even if it has expired too', async () => {
    const foreign = await token({ exp: 1 }, createSecretKey(randomBytes(32)));
    expect(await codeOf({ token: foreign })).toBe('token-invalid');
  });

  test('the log has the reason, and never the token', async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => lines.push(line) });
    const good = await token();
    await codeOf({ token: good.slice(0, -2) }, new Authority(key, LIMITS, log));
    expect(lines.join()).toContain('"reason"');
    expect(lines.join()).not.toContain(good.split('.')[1]);
  });
});

describe('TOKEN-2 a token is for one room and one role', () => {
  test('LINK-2 a token for another room is refused; capitals make no other room', async () => {
    for (const other of ['demo2', 'dem', 'main']) {
      expect(await codeOf({ room: room(other), token: await token() })).toBe('token-wrong-room');
    }
    for (const same of ['Demo', 'DEMO']) {
      const signed = await token({ room: room(same) });
      expect(await codeOf({ room: room('demo'), token: signed })).toBe('authorised');
      expect(await codeOf({ room: room(same), token: await token() })).toBe('authorised');
    }
  });

  test('a viewer’s token does not permit publishing, a publisher’s permits watching', async () => {
    expect(await codeOf({ role: 'publisher', token: await token() })).toBe('token-wrong-role');
    const publisher = await token({ role: 'publisher' });
    expect(await codeOf({ role: 'publisher', token: publisher })).toBe('authorised');
    expect(await codeOf({ role: 'viewer', token: publisher })).toBe('authorised');
  });
});

test('TOKEN-1 without a key tokens are ignored', async () => {
  const open = new Authority(undefined, LIMITS, silent);
  expect(open.byToken).toBe(false);
  expect(authority.byToken).toBe(true);
  for (const anything of [undefined, '', 'nonsense', await token({ exp: 1 })]) {
    expect(await codeOf({ role: 'publisher', token: anything }, open)).toBe('authorised');
  }
});
