import type { IncomingMessage } from 'node:http';
import { hostRefusal, isOwnHost, type OwnHosts } from './own-hosts.ts';

/** Whether the request comes from a page of this server or of an origin that the operator allows. */
export function originAllowed(
  { headers }: Pick<IncomingMessage, 'headers'>,
  own: OwnHosts,
): boolean {
  const { origin, host } = headers;
  if (!isOwnHost(host, own)) return false;
  // Only browsers send this header, and the check protects their users.
  if (origin === undefined) return true;
  if (own.allowedOrigins.includes(origin)) return true;
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}

/** The sentence for a person whose page is refused: with both names, since a proxy may have changed one. */
export function originRefusal({ origin = '', host = '' }: IncomingMessage['headers']): string {
  let from: string;
  try {
    from = new URL(origin).host;
  } catch {
    return hostRefusal(host);
  }
  if (from === host) return hostRefusal(host);
  const [page, server] = [from, host].map((name) => name.slice(0, 128));
  return `This page is from ${page}, but the server was asked for ${server}. A proxy in front of the server must pass on the Host header unchanged. If the page is meant to be on another host, its operator can allow it: ALLOWED_ORIGINS=${origin.slice(0, 128)}`;
}
