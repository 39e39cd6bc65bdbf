/** The address that a request counts against. Only trusted proxies may name another than the socket's. */
import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import proxyAddr from 'proxy-addr';
import type { Config } from '#config/env.ts';
import type { Log } from '../observability/log.ts';

/** Whether `address` is a trusted proxy; `hops` other proxies lie between it and this server. */
export type Trust = (address: string, hops: number) => boolean;

export function trustOf(trustProxy: Config['trustProxy']): Trust {
  if (typeof trustProxy === 'number') return (_address, hops) => hops < trustProxy;
  return proxyAddr.compile(trustProxy.flatMap(splitIfWhole));
}

/** proxy-addr refuses the prefix 0, so a whole address family is given as its two halves. */
function splitIfWhole(network: string): string[] {
  const [address, prefix] = network.split('/');
  if (prefix === undefined || Number(prefix) !== 0) return [network];
  return isIPv6(address ?? '') ? ['::/1', '8000::/1'] : ['0.0.0.0/1', '128.0.0.0/1'];
}

/** The nearest address that is not a trusted proxy's, in the form of `addressKey`. */
export function clientAddress(request: IncomingMessage, trust: Trust): string {
  // As almost always, and several times for each request.
  if (request.headers['x-forwarded-for'] === undefined) {
    return addressKey(request.socket.remoteAddress ?? '');
  }
  const [peer = '', ...forwarded] = proxyAddr.all(request, trust);
  // A header entry that is not an address ends the search at the last one that is.
  const end = forwarded.findIndex((entry) => isIP(entry) === 0);
  return addressKey(forwarded.slice(0, end === -1 ? undefined : end).at(-1) ?? peer);
}

/** An IPv4 address, or the /64 network of an IPv6 address: its owner has all 2^64 addresses of it. */
export function addressKey(address: string): string {
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (ipv4 !== undefined || !isIPv6(address)) return ipv4 ?? address;
  const [head = '', tail] = address.split('%')[0]?.toLowerCase().split('::') ?? [];
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

const isNearby = proxyAddr.compile(['loopback', 'uniquelocal']);

/**
 * Returns a function that looks at each request and logs once if they seem to come through a proxy
 * that is not configured.
 */
export function proxyWarning(
  trustProxy: Config['trustProxy'],
  log: Log,
): (request: IncomingMessage) => void {
  let done = trustProxy !== 0;
  return ({ headers, socket }) => {
    if (done || headers['x-forwarded-for'] === undefined) return;
    if (!isNearby(socket.remoteAddress ?? '', 0)) return;
    done = true;
    log.warn(
      'requests seem to come through a proxy: without TRUST_PROXY all pages count as one address',
    );
  };
}
