import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readConfig } from '#config/env.ts';
import { AddressWatch } from './address-watch.ts';
import { addressWarnings } from './start-warnings.ts';

const entry = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4', internal = false) =>
  ({ address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as never;
const LO = [entry('127.0.0.1', 'IPv4', true), entry('::1', 'IPv6', true)];
const IPV6_ONLY = { lo: LO, eth0: [entry('2001:db8::7', 'IPv6'), entry('fe80::1', 'IPv6')] };
const BOTH = { lo: LO, eth0: [entry('192.0.2.7'), entry('2001:db8::7', 'IPv6')] };

const warnings = (env: Record<string, string>, interfaces: typeof BOTH) =>
  addressWarnings(readConfig(env), interfaces);

describe('REACH-6 addresses that do not fit together are reported at the start', () => {
  it('pages on IPv4 of a machine that has IPv6 only: set HOST', () => {
    expect(warnings({}, IPV6_ONLY).join()).toMatch(/2001:db8::7.*set HOST=::/);
    expect(warnings({ HOST: '::' }, IPV6_ONLY)).toEqual([]);
    expect(warnings({}, BOTH)).toEqual([]);
    expect(warnings({}, { lo: LO, eth0: [] })).toEqual([]);
  });

  it.each([
    ['2001:db8::7', '0.0.0.0', /set MEDIA_LISTEN_ADDRESS=::/],
    ['192.0.2.7', '::', /set MEDIA_LISTEN_ADDRESS=0\.0\.0\.0/],
  ])('%s announced, and %s listened on: set MEDIA_LISTEN_ADDRESS', (announced, listen, words) => {
    const env = { ANNOUNCED_ADDRESS: announced, MEDIA_LISTEN_ADDRESS: listen };
    expect(warnings(env, BOTH).join()).toMatch(words);
  });

  it.each([
    [{ ANNOUNCED_ADDRESS: '2001:db8::7' }],
    [{ ANNOUNCED_ADDRESS: '2001:db8::7', MEDIA_LISTEN_ADDRESS: '::' }],
    [{ ANNOUNCED_ADDRESS: 'live.example.org', MEDIA_LISTEN_ADDRESS: '::' }],
    [{ MEDIA_LISTEN_ADDRESS: '192.0.2.7' }],
  ])('nothing is wrong with %j', (env) => {
    expect(warnings(env, BOTH)).toEqual([]);
  });
});

describe('REACH-5 a machine whose addresses change', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('has a line in the log for each change, and none without', () => {
    let addresses = ['192.0.2.7', '127.0.0.1'];
    const info = vi.fn<(fields: object, sentence: string) => void>();
    const watch = new AddressWatch({ info }, 5_000, () => addresses);
    vi.advanceTimersByTime(60_000);
    expect(info).not.toHaveBeenCalled();
    addresses = ['192.0.2.8', '127.0.0.1'];
    vi.advanceTimersByTime(60_000);
    expect(info).toHaveBeenCalledOnce();
    expect(info.mock.calls[0]?.[0]).toEqual({
      addresses: '192.0.2.8, 127.0.0.1',
      before: '192.0.2.7, 127.0.0.1',
    });
    watch.close();
    addresses = [];
    vi.advanceTimersByTime(60_000);
    expect(info).toHaveBeenCalledOnce();
  });
});
