import { describe, expect, test } from 'vitest';
import { originAllowed } from './origin.ts';

const OWN = { publicHosts: ['video.example.org'], announcedAddress: undefined };
const allowed = (origin: string | undefined, host: string, allowedOrigins: string[] = []) =>
  originAllowed({ headers: { origin, host } }, { ...OWN, allowedOrigins });

describe('SEC-5 a page of another origin is refused', () => {
  test.each([
    ['http://localhost:8088', 'localhost:8088'],
    ['https://video.example.org', 'video.example.org'],
    ['http://[::1]:8088', '[::1]:8088'],
    [undefined, 'video.example.org'],
  ])('%s to %s is allowed', (origin, host) => {
    expect(allowed(origin, host)).toBe(true);
  });

  test.each([
    ['https://evil.example', 'video.example.org'],
    ['http://localhost:9999', 'localhost:8088'],
    ['https://video.example.org.evil.example', 'video.example.org'],
    ['https://evilvideo.example.org', 'video.example.org'],
    ['https://video.example.org@evil.example', 'video.example.org'],
    ['null', 'video.example.org'],
    ['', 'video.example.org'],
    ['file://', 'video.example.org'],
    ['not an origin', 'video.example.org'],
  ])('%j to %s is refused', (origin, host) => {
    expect(allowed(origin, host)).toBe(false);
  });

  test('an origin that the operator allows is allowed, and only exactly that one', () => {
    const configured = ['https://embed.example'];
    expect(allowed('https://embed.example', 'video.example.org', configured)).toBe(true);
    expect(allowed('http://embed.example', 'video.example.org', configured)).toBe(false);
    expect(allowed('https://embed.example:444', 'video.example.org', configured)).toBe(false);
  });

  test('SEC-17 a page of a name that is not this server’s is refused, also if Host and Origin agree', () => {
    expect(allowed('http://evil.example:8088', 'evil.example:8088')).toBe(false);
    expect(allowed(undefined, 'evil.example:8088')).toBe(false);
  });

  test('a request without a host header can’t come from this server’s own page', () => {
    expect(
      originAllowed({ headers: { origin: 'https://a.example' } }, { ...OWN, allowedOrigins: [] }),
    ).toBe(false);
  });
});
