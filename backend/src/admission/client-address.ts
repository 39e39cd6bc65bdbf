/** Whose request it is. Limits by address count on it, so only what a trusted proxy says is believed. */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Config } from '#config/env.ts';
import type { Log } from '../observability/log.ts';

type Request = Pick<IncomingMessage, 'headers'> & {
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'>;
};

/** Whether `address` is a proxy's whose word counts; `hops` lie between it and the server. */
export type Trust = (address: string, hops: number) => boolean;

export function trustOf(trustProxy: Config['trustProxy']): Trust {
  if (typeof trustProxy === 'number') return (_address, hops) => hops < trustProxy;
  const trusted = new BlockList();
  for (const entry of trustProxy) {
    const [address = '', prefix] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return (address) => trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** The nearest address that is no trusted proxy's, as `addressKey` has it. */
export function clientAddress({ headers, socket }: Request, trust: Trust): string {
  const forwarded = headers['x-forwarded-for'];
  const named = Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '');
  let client = plain(socket.remoteAddress ?? '');
  // The nearest proxy has written last.
  const farther = named.split(',').toReversed();
  for (const [hops, entry] of farther.entries()) {
    const address = plain(entry.trim());
    if (!trust(client, hops) || isIP(address) === 0) break;
    client = address;
  }
  return addressKey(client);
}

/** One IPv4 address, or the /64 that an IPv6 address is in: its owner has all 2^64 of them. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%')[0]?.toLowerCase().split('::') ?? [];
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** IPv4 in IPv6's clothes is IPv4. */
function plain(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

const NEARBY = trustOf([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1',
  'fc00::/7',
]);

/** Says once that everybody seems to be one address: a proxy that nobody has told the server of. */
export function proxyWarning(
  trustProxy: Config['trustProxy'],
  log: Log,
): (request: Request) => void {
  let said = trustProxy !== 0;
  return ({ headers, socket }) => {
    if (said || headers['x-forwarded-for'] === undefined) return;
    if (!NEARBY(plain(socket.remoteAddress ?? ''), 0)) return;
    said = true;
    log.warn(
      'a proxy seems to stand before this server: without TRUST_PROXY all pages count as one address',
    );
  };
}
