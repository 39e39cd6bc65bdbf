import type { IncomingMessage } from 'node:http';
import type { Config } from '#config/env.ts';

/** Whether the request comes from a page of this server or of an origin that the operator allows. */
export function originAllowed(
  { headers }: Pick<IncomingMessage, 'headers'>,
  { allowedOrigins }: Pick<Config, 'allowedOrigins'>,
): boolean {
  const { origin, host } = headers;
  // Only browsers send this header, and the check protects their users.
  if (origin === undefined) return true;
  if (allowedOrigins.includes(origin)) return true;
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}
