/**
 * Ports that the kernel gives to outgoing connections (Linux). A server's own ports should be outside:
 * otherwise any program may have one of them when the server or one of its workers starts.
 */
import { readFileSync } from 'node:fs';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const FOLDER = '/proc/sys/net/ipv4';

/** `32768 60999`, as in ip_local_port_range. */
export function parseRange(text: string): PortRange | undefined {
  const [, first, last] = /^\s*(\d+)\s+(\d+)\s*$/.exec(text) ?? [];
  return first === undefined ? undefined : { first: Number(first), last: Number(last) };
}

/** `8080,9000-9010`, as in ip_local_reserved_ports: ports that the kernel does not give away. */
export function parseReserved(text: string): PortRange[] {
  return text
    .trim()
    .split(',')
    .flatMap((part) => {
      const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
      return first === undefined ? [] : [{ first: Number(first), last: Number(last) }];
    });
}

/**
 * A warning if one of these ports may be given away; undefined if all are safe, or nothing is known.
 * @param read returns the text of a file of /proc/sys/net/ipv4; throws if there is none
 */
export function ephemeralWarning(
  { first, last }: PortRange,
  read: (name: string) => string = (name) => readFileSync(`${FOLDER}/${name}`, 'utf8'),
): string | undefined {
  let range: PortRange | undefined;
  let reserved: readonly PortRange[] = [];
  try {
    range = parseRange(read('ip_local_port_range'));
    reserved = parseReserved(read('ip_local_reserved_ports'));
  } catch {
    // Not Linux, or an old kernel without reserved ports.
  }
  if (!range || last < range.first || first > range.last) return undefined;
  const isReserved = (port: number) =>
    reserved.some((one) => port >= one.first && port <= one.last);
  const from = Math.max(first, range.first);
  const to = Math.min(last, range.last);
  const ports = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  if (ports.every(isReserved)) return undefined;
  const media = first === last ? `${first}` : `${first} to ${last}`;
  return `this system gives ports from ${range.first} to ${range.last} to outgoing connections, so any program may have a media port (${media}) when a worker starts: set MEDIA_PORT outside, or reserve the ports with sysctl net.ipv4.ip_local_reserved_ports`;
}
