import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { RoomOwnership } from '#client/credentials/room-ownership.ts';
import { type ErrorCode, OnecastError } from '#protocol/errors.ts';
import { RoomIdSchema, SecretSchema } from '#protocol/ids.ts';
import { recoveryCodeOf } from '#protocol/room-codes.ts';
import { CodeControl } from './code-control.ts';

const room = v.parse(RoomIdSchema, 'lecture');
const secret = v.parse(SecretSchema, `${'S'.repeat(42)}A`);
const CODE = '0123-abcd-efgh-jk19';

function page(fault?: ErrorCode | Error) {
  const items = new Map<string, string>();
  const ownership = new RoomOwnership(room, () => ({
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }));
  const sent: unknown[] = [];
  const control = new CodeControl({
    ownership,
    redeem: async (code) => {
      sent.push(code);
      if (fault instanceof Error) throw fault;
      if (fault !== undefined) throw new OnecastError(fault);
      return { publisherSecret: secret };
    },
  });
  return { ownership, sent, control, items };
}

describe('ROOM-12 CodeControl', () => {
  it('a link with a code does nothing before the person agrees', async () => {
    const { control, sent, items, ownership } = page();
    control.offer(CODE);
    expect(control.state.value).toEqual({ step: 'offered', code: CODE });
    expect([sent, [...items]]).toEqual([[], []]);
    expect(await control.use(CODE)).toBe(true);
    expect(sent).toEqual([{ code: '0123ABCDEFGHJK19' }]);
    expect(ownership.secret).toBe(secret);
    expect(control.state.value).toEqual({ step: 'accepted' });
  });

  it('ROOM-11 a link with a code never replaces the secret that the browser has', () => {
    const { control, ownership, sent } = page();
    const own = v.parse(SecretSchema, `${'O'.repeat(42)}A`);
    ownership.store(own, undefined);
    control.offer(CODE);
    expect(control.state.value).toEqual({ step: 'accepted' });
    expect([ownership.secret, sent]).toEqual([own, []]);
  });

  it('ROOM-13 a recovery code is confirmed by the server before it is stored', async () => {
    const refused = page('code-invalid');
    refused.control.ask();
    expect(await refused.control.use(recoveryCodeOf(secret))).toBe(false);
    expect(refused.sent).toEqual([{ publisherSecret: secret }]);
    expect([...refused.items]).toEqual([]);
    const accepted = page();
    expect(await accepted.control.use(recoveryCodeOf(secret).toLowerCase())).toBe(true);
    expect(accepted.ownership.secret).toBe(secret);
  });

  it.each<[string, ErrorCode | Error | undefined, RegExp]>([
    ['not a code', undefined, /16 letters/],
    [CODE, 'code-invalid', /not valid/],
    [CODE, 'room-unknown', /Press start/],
    [CODE, 'too-many', /Wait/],
    [CODE, 'not-allowed', /./],
    [CODE, new TypeError('fetch failed'), /could not be reached/],
  ])('says what is wrong: %s, %s', async (text, fault, words) => {
    const { control } = page(fault);
    expect(await control.use(text)).toBe(false);
    const state = control.state.value;
    expect(state.step === 'entry' && state.fault).toMatch(words);
  });
});
