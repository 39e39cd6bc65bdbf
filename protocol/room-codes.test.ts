import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { SecretSchema } from './ids.ts';
import { base32, inGroups, parseCode, recoveryCodeOf } from './room-codes.ts';

const secrets = Array.from({ length: 50 }, (_, i) =>
  v.parse(SecretSchema, createHash('sha256').update(`${i}`).digest('base64url')),
);

describe('ROOM-13 a recovery code', () => {
  it('is the secret, whatever its bits are', () => {
    for (const secret of secrets) {
      const code = recoveryCodeOf(secret);
      expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{52}$/);
      expect(parseCode(inGroups(code))).toEqual({ publisherSecret: secret });
    }
  });

  it('is refused with a letter too few, too many, or one that no code has', () => {
    const code = recoveryCodeOf(secrets[0] ?? v.parse(SecretSchema, ''));
    for (const wrong of [
      code.slice(1),
      `${code}0`,
      `${code.slice(0, -1)}U`,
      `${code.slice(0, -1)}Z`,
    ]) {
      expect(parseCode(wrong)).toBeUndefined();
    }
  });
});

describe('ROOM-12 a code is read as people write it', () => {
  const code = '0123ABCDEFGHJK19';

  it.each([
    ['0123-ABCD-EFGH-JK19'],
    [' 0123 abcd efgh jk19 '],
    ['o123–ABCD–EFGH–JKl9'],
    ['O123ABCDEFGHJKI9.'],
    ['０１２３-ＡＢＣＤ-ＥＦＧＨ-ＪＫ１９'],
    ['0123-ABCD-\u200bEFGH-JK19'],
  ])('%s', (written) => {
    expect(parseCode(written)).toEqual({ code });
  });

  it.each([[''], ['0123'], ['0123-ABCD-EFGH-JK1'], ['0123-ABCD-EFGH-JKU9'], ['S'.repeat(43)]])(
    '"%s" is none',
    (written) => {
      expect(parseCode(written)).toBeUndefined();
    },
  );

  it('has 16 letters for ten bytes', () => {
    expect(base32(new Uint8Array(10))).toBe('0'.repeat(16));
    expect(base32(new Uint8Array(10).fill(255))).toBe('Z'.repeat(16));
  });
});
