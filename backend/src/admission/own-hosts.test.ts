import { pino } from 'pino';
import { describe, expect, it, test, vi } from 'vitest';
import { hostRefusal, isOwnHost, type OwnHosts, refusedHostLog } from './own-hosts.ts';

const OWN: OwnHosts = {
  publicHosts: ['live.example.org'],
  allowedOrigins: ['https://embed.example:8443'],
  announcedAddress: 'Media.example.org',
};

describe('SEC-17 names that count as this server', () => {
  test.each([
    'localhost',
    'localhost:8088',
    'LOCALHOST:8088',
    '127.0.0.1:8088',
    '192.168.1.20',
    '[::1]:8088',
    '[fe80::1]',
    'live.example.org',
    'Live.Example.ORG:8443',
    'embed.example',
    'media.example.org',
  ])('%s does', (host) => {
    expect(isOwnHost(host, OWN)).toBe(true);
  });

  test.each([
    undefined,
    '',
    'evil.example',
    'evil.example:8088',
    'localhost.evil.example',
    'evil.localhost',
    'localhost.',
    'live.example.org.evil.example',
    'evil-live.example.org',
    'www.live.example.org',
    '127.0.0.1.evil.example',
    '127.1',
    '2130706433',
    '0x7f000001',
    '[::1',
    '[evil.example]',
    '127.0.0.1:8088:8088',
    '127.0.0.1@evil.example',
    'evil.example#127.0.0.1',
    '127.0.0.1, evil.example',
  ])('%j does not', (host) => {
    expect(isOwnHost(host, OWN)).toBe(false);
  });

  it('the refusal names the host and what allows it', () => {
    expect(hostRefusal('video.example.org:8088')).toMatch(
      /the name video\.example\.org.*PUBLIC_HOSTS=video\.example\.org/,
    );
    expect(hostRefusal(undefined)).toMatch(/does not know under which name/);
    expect(hostRefusal('<script>')).not.toContain('\n');
  });

  it('the log names host and origin, once a minute', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const log = pino({ level: 'silent' });
    const warn = vi.spyOn(log, 'warn');
    const refused = refusedHostLog(log);
    vi.advanceTimersByTime(1);
    for (let i = 0; i < 1_000; i += 1) refused({ host: 'a.example', origin: 'https://b.example' });
    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0]?.[0]).toEqual({ host: 'a.example', origin: 'https://b.example' });
    vi.advanceTimersByTime(60_000);
    refused({ host: 'a.example' });
    expect(warn).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});
