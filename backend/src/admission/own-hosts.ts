/**
 * Which names are this server's own. A page of any name can make that name lead to this server (DNS
 * rebinding); then the browser counts the server's answers as that page's own.
 */
import { isIP } from 'node:net';
import type { Config } from '#config/env.ts';
import type { Log } from '../observability/log.ts';

export type OwnHosts = Pick<Config, 'publicHosts' | 'allowedOrigins' | 'announcedAddress'>;

/** How often the log names a refused host: every stranger can cause such a refusal. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Whether a `Host` header names this server: an IP address, `localhost`, or a name that the operator
 * has given. A name without a port counts on every port.
 */
export function isOwnHost(host: string | undefined, own: OwnHosts): boolean {
  const name = hostNameOf(host);
  if (name === undefined) return false;
  if (name === 'localhost' || isIP(name) !== 0) return true;
  if (own.publicHosts.includes(name) || own.announcedAddress?.toLowerCase() === name) return true;
  return own.allowedOrigins.some((origin) => new URL(origin).hostname === name);
}

/** The host of a `Host` header without its port, in lower case; undefined if there is none. */
function hostNameOf(host = ''): string | undefined {
  const [, ipv6, name] = /^(?:\[([\da-f:.]+)\]|([^\s:/?#@[\]\\]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return (ipv6 ?? name)?.toLowerCase();
}

/** The sentence for people and programs that get the refusal. */
export function hostRefusal(host: string | undefined): string {
  const name = hostNameOf(host);
  return name === undefined
    ? 'This server does not know under which name it was reached.'
    : `This server does not answer under the name ${name.slice(0, 128)}. Its operator can allow it: PUBLIC_HOSTS=${name.slice(0, 128)}`;
}

/** Returns a function that logs a refused host or origin, at most once a minute. */
export function refusedHostLog(
  log: Log,
): (headers: { readonly host?: string; readonly origin?: string }) => void {
  let quietUntil = 0;
  return ({ host = '', origin = '' }) => {
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + LOG_INTERVAL_MS;
    log.warn(
      { host, origin },
      'refused a page: the browser asked for this host, for a page of this origin. If the name is this server’s own, set PUBLIC_HOSTS to it, and let a proxy pass on the Host header unchanged',
    );
  };
}
