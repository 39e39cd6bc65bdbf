import { describe, expect, test } from 'vitest';
import { originAllowed } from './gateway.ts';

const asked = (origin: string | undefined, host: string, allowedOrigins: string[] = []) =>
  originAllowed({ headers: { origin, host } }, { allowedOrigins });

describe('SEC-5 a page of another origin is refused', () => {
  test.each([
    ['http://localhost:8088', 'localhost:8088'],
    ['https://video.example.org', 'video.example.org'],
    ['http://[::1]:8088', '[::1]:8088'],
    [undefined, 'video.example.org'],
  ])('%s to %s may', (origin, host) => {
    expect(asked(origin, host)).toBe(true);
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
  ])('%j to %s may not', (origin, host) => {
    expect(asked(origin, host)).toBe(false);
  });

  test('what the operator allows may, and exactly that', () => {
    const allowed = ['https://embed.example'];
    expect(asked('https://embed.example', 'video.example.org', allowed)).toBe(true);
    expect(asked('http://embed.example', 'video.example.org', allowed)).toBe(false);
    expect(asked('https://embed.example:444', 'video.example.org', allowed)).toBe(false);
  });

  test('a request without a host can not be this server’s own page', () => {
    expect(
      originAllowed({ headers: { origin: 'https://a.example' } }, { allowedOrigins: [] }),
    ).toBe(false);
  });
});
