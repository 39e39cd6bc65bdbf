import { pino } from 'pino';
import { describe, expect, it, test, vi } from 'vitest';
import { addressKey, clientAddress, proxyWarning, trustOf } from './client-address.ts';

const asked = (remoteAddress: string, forwarded?: string | string[]) => ({
  headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded as string },
  socket: { remoteAddress },
});

describe('LIMIT-3 whose request it is', () => {
  test.each([
    // Nobody is trusted: what is said counts for nothing.
    [0, '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    [0, '203.0.113.9', undefined, '203.0.113.9'],
    // One proxy: the last word is its own, all before it anybody's.
    [1, '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    [1, '10.0.0.1', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    [1, '10.0.0.1', undefined, '10.0.0.1'],
    [2, '10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    [['10.0.0.0/8'], '10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    [['10.0.0.1'], '10.0.0.2', '198.51.100.1', '10.0.0.2'],
    [['127.0.0.1', '::1'], '::ffff:127.0.0.1', '198.51.100.1', '198.51.100.1'],
    [['127.0.0.1', '::1'], '::1', '198.51.100.1', '198.51.100.1'],
    // What is no address ends the search at the last that is one.
    [1, '10.0.0.1', 'unknown', '10.0.0.1'],
    [2, '10.0.0.1', '198.51.100.1, "<script>"', '10.0.0.1'],
    [9, '10.0.0.1', '', '10.0.0.1'],
  ])('trusting %j: %s, %j is %s', (trusted, peer, forwarded, client) => {
    expect(clientAddress(asked(peer, forwarded), trustOf(trusted))).toBe(client);
  });

  test.each([
    ['198.51.100.1', '198.51.100.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['', ''],
  ])('%s counts as %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });

  it('a proxy that nobody told of is said once', () => {
    const log = pino({ level: 'silent' });
    const warn = vi.spyOn(log, 'warn');
    const look = proxyWarning(0, log);
    look(asked('127.0.0.1'));
    look(asked('203.0.113.9', '198.51.100.1'));
    expect(warn).not.toHaveBeenCalled();
    look(asked('::ffff:172.17.0.1', '198.51.100.1'));
    look(asked('127.0.0.1', '198.51.100.1'));
    expect(warn).toHaveBeenCalledOnce();
    const told = proxyWarning(1, log);
    told(asked('127.0.0.1', '198.51.100.1'));
    expect(warn).toHaveBeenCalledOnce();
  });
});
