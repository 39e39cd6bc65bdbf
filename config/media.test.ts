import type { types } from 'mediasoup';
import { describe, expect, it } from 'vitest';
import { readConfig } from './env.ts';
import { LIMITS } from './limits.ts';
import { listenInfos, machineAddresses, mediaSockets, offeredCandidates } from './media.ts';

const entry = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4', internal = false) =>
  ({ address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }) as never;
const LO4 = entry('127.0.0.1', 'IPv4', true);
const LO6 = entry('::1', 'IPv6', true);
const BOTH = { lo: [LO4, LO6], eth0: [entry('198.51.100.4')] };

const listening = (env: Record<string, string>, interfaces = BOTH) =>
  mediaSockets(readConfig(env), 1, interfaces).map(({ protocol, ip, port }) =>
    [protocol, ip, port].join(' '),
  );

describe('REACH-6 media listens on the right family', () => {
  it.each([
    ['nothing configured', {}, ['0.0.0.0', '::']],
    ['IPv4 announced', { ANNOUNCED_ADDRESS: '192.0.2.1' }, ['0.0.0.0']],
    ['IPv6 announced', { ANNOUNCED_ADDRESS: '2001:db8::1' }, ['::']],
    ['a name announced', { ANNOUNCED_ADDRESS: 'live.example.org' }, ['0.0.0.0', '::']],
    ['an address to listen on', { MEDIA_LISTEN_ADDRESS: '192.0.2.1' }, ['192.0.2.1']],
    [
      'both, of two families (a container)',
      { ANNOUNCED_ADDRESS: '2001:db8::1', MEDIA_LISTEN_ADDRESS: '0.0.0.0' },
      ['0.0.0.0'],
    ],
  ])('%s', (_name, env, ips) => {
    const expected = ['udp', 'tcp'].flatMap((protocol) =>
      ips.map((ip) => `${protocol} ${ip} 17401`),
    );
    expect(listening(env)).toEqual(expected);
  });

  it('without IPv6 in the kernel, IPv4 only', () => {
    expect(listening({}, { lo: [LO4], eth0: [] })).toEqual([
      'udp 0.0.0.0 17401',
      'tcp 0.0.0.0 17401',
    ]);
  });

  it('a socket for all IPv6 addresses leaves IPv4 to its own', () => {
    const infos = listenInfos(readConfig({ MEDIA_LISTEN_ADDRESS: '::' }), LIMITS, 0);
    expect(infos.every(({ flags }) => flags?.ipv6Only === true)).toBe(true);
  });
});

describe('REACH-5 the candidates that a page gets', () => {
  const candidate = (address: string, protocol: 'udp' | 'tcp', priority: number) =>
    ({
      address,
      ip: address,
      protocol,
      priority,
      port: 17_400,
      foundation: `${protocol}candidate`,
      type: 'host',
      ...(protocol === 'tcp' && { tcpType: 'passive' }),
    }) as types.IceCandidate;
  const offered = (candidates: types.IceCandidate[], addresses?: string[]) =>
    offeredCandidates(candidates, addresses).map(
      ({ protocol, address }) => `${protocol} ${address}`,
    );
  const ANY = [
    candidate('0.0.0.0', 'udp', 1_076_302_079),
    candidate('::', 'udp', 1_076_276_479),
    candidate('0.0.0.0', 'tcp', 1_076_045_055),
  ];

  it('are the addresses that the machine has at this moment, each for its family', () => {
    const addresses = ['192.0.2.7', '2001:db8::7', '127.0.0.1'];
    expect(offered(ANY, addresses)).toEqual([
      'udp 192.0.2.7',
      'udp 2001:db8::7',
      'udp 127.0.0.1',
      'tcp 192.0.2.7',
      'tcp 127.0.0.1',
    ]);
    expect(offered(ANY, ['192.0.2.8'])).toEqual(['udp 192.0.2.8', 'tcp 192.0.2.8']);
  });

  it('prefer the first addresses, and UDP to TCP on all of them', () => {
    const many = Array.from({ length: 8 }, (_, i) => `192.0.2.${i}`);
    const all = offeredCandidates(ANY, many);
    const of = (wanted: string) =>
      all.filter(({ protocol }) => protocol === wanted).map(({ priority }) => priority);
    const [udp, tcp] = [of('udp'), of('tcp')];
    expect(udp).toEqual(udp.toSorted((a, b) => b - a));
    expect(new Set(udp).size).toBe(8);
    expect(Math.min(...udp)).toBeGreaterThan(Math.max(...tcp));
  });

  it('are left alone where an address is announced, or listened on', () => {
    expect(offered([candidate('203.0.113.7', 'udp', 1)], ['192.0.2.7'])).toEqual([
      'udp 203.0.113.7',
    ]);
  });

  it('name an announced host once, although media listens on two families', () => {
    const twice = [
      candidate('live.example.org', 'udp', 2),
      candidate('live.example.org', 'udp', 1),
    ];
    expect(offeredCandidates(twice, [])).toEqual(twice.slice(0, 1));
  });

  it('come from IPv4 first, then IPv6 without link-local ones, then loopback', () => {
    const interfaces = {
      lo: [LO4, LO6],
      eth0: [entry('2001:db8::7', 'IPv6'), entry('fe80::1', 'IPv6'), entry('198.51.100.4')],
      tun0: [entry('10.8.0.2')],
    };
    expect(machineAddresses(interfaces)).toEqual([
      '198.51.100.4',
      '10.8.0.2',
      '2001:db8::7',
      '127.0.0.1',
    ]);
  });
});
