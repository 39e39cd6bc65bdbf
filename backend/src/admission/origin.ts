import type { IncomingMessage } from 'node:http';
import { isOwnHost, type OwnHosts } from './own-hosts.ts';

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
