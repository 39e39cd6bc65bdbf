import { describe, expect, it } from 'vitest';
import { hashSecret, newSecret, newSessionId, secretMatches } from './secrets.ts';

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
