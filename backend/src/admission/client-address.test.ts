import type { IncomingMessage } from 'node:http';
import { pino } from 'pino';
import { describe, expect, it, test, vi } from 'vitest';
import { addressKey, clientAddress, proxyWarning, trustOf } from './client-address.ts';

const requestFrom = (remoteAddress: string, forwarded?: string) =>
  ({
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    socket: { remoteAddress },
  }) as unknown as IncomingMessage;

describe('LIMIT-3 the address that a request counts against', () => {
  test.each([
    // Nobody is trusted: the header counts for nothing.
    [0, '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    [0, '203.0.113.9', undefined, '203.0.113.9'],
    // One proxy: it has written the last entry. Anybody may have written the entries before.
    [1, '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    [1, '10.0.0.1', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    [1, '10.0.0.1', undefined, '10.0.0.1'],
    [2, '10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    [['10.0.0.0/8'], '10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    [['10.0.0.1'], '10.0.0.2', '198.51.100.1', '10.0.0.2'],
    [['127.0.0.1', '::1'], '::ffff:127.0.0.1', '198.51.100.1', '198.51.100.1'],
    [['127.0.0.1', '::1'], '::1', '198.51.100.1', '198.51.100.1'],
    [['0.0.0.0/0'], '203.0.113.9', '198.51.100.1', '198.51.100.1'],
    [['0.0.0.0/0'], '2001:db8::1', '198.51.100.1', '2001:db8:0:0::/64'],
    [['::/0'], '2001:db8::1', '198.51.100.1', '198.51.100.1'],
    [1, '10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
    // An entry that is not an address ends the search at the last one that is.
    [1, '10.0.0.1', 'unknown', '10.0.0.1'],
    [2, '10.0.0.1', '198.51.100.1, "<script>"', '10.0.0.1'],
    [9, '10.0.0.1', '', '10.0.0.1'],
  ])('trusting %j: %s, %j is %s', (trusted, peer, forwarded, client) => {
    expect(clientAddress(requestFrom(peer, forwarded), trustOf(trusted))).toBe(client);
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

  it('a proxy that is not configured is logged once', () => {
    const log = pino({ level: 'silent' });
    const warn = vi.spyOn(log, 'warn');
    const look = proxyWarning(0, log);
    look(requestFrom('127.0.0.1'));
    look(requestFrom('203.0.113.9', '198.51.100.1'));
    expect(warn).not.toHaveBeenCalled();
    look(requestFrom('::ffff:172.17.0.1', '198.51.100.1'));
    look(requestFrom('127.0.0.1', '198.51.100.1'));
    expect(warn).toHaveBeenCalledOnce();
    const configured = proxyWarning(1, log);
    configured(requestFrom('127.0.0.1', '198.51.100.1'));
    expect(warn).toHaveBeenCalledOnce();
  });
});
