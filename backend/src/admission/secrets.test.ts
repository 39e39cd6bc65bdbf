import { describe, expect, it } from 'vitest';
import type { Secret } from '#protocol/ids.ts';
import { hashSecret, newSecret, newSessionId, ResumeSecret, secretMatches } from './secrets.ts';

describe('secrets', () => {
  it('SEC-6 have 256 random bits each, and only characters that a URL may contain', () => {
    const secrets = new Set(Array.from({ length: 1_000 }, () => newSecret()));
    expect(secrets.size).toBe(1_000);
    for (const secret of secrets) expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(Buffer.from(newSecret(), 'base64url')).toHaveLength(32);
  });

  it('SEC-6 are compared by their hash, which does not contain the secret', () => {
    const secret = newSecret();
    const hash = hashSecret(secret);
    expect(hash).toHaveLength(32);
    expect(hash.equals(Buffer.from(secret, 'base64url'))).toBe(false);
    expect(secretMatches(secret, hash)).toBe(true);
    expect(secretMatches(newSecret(), hash)).toBe(false);
  });

  it('session ids differ', () => {
    const ids = new Set(Array.from({ length: 1_000 }, () => newSessionId()));
    expect(ids.size).toBe(1_000);
  });
});

describe('ResumeSecret', () => {
  const next = (rotated: ReturnType<ResumeSecret['rotate']>): Secret => {
    if (typeof rotated !== 'object') throw new Error(`the secret is ${rotated}`);
    return rotated.next;
  };

  it('CONN-2 distinguishes secrets that were valid once from those that never were', () => {
    const held = new ResumeSecret(2);
    expect(held.rotate(newSecret())).toBe('unknown');
    const first = held.issue();
    const second = next(held.rotate(first));
    const third = next(held.rotate(second));
    expect(held.rotate(first)).toBe('spent');
    expect(held.rotate(newSecret())).toBe('unknown');
    // The second is valid until the third has been used.
    const fourth = next(held.rotate(second));
    expect(held.rotate(third)).toBe('spent');
    expect(next(held.rotate(fourth))).not.toBe(fourth);
  });

  it('remembers a bounded number of spent secrets', () => {
    const held = new ResumeSecret(1);
    const first = held.issue();
    let secret = first;
    for (let i = 0; i < 3; i += 1) secret = next(held.rotate(secret));
    expect(held.rotate(first)).toBe('unknown');
  });
});
