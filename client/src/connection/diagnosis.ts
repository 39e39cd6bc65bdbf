/**
 * Why a connection does not come up: turns what a page has observed into one cause. A pure function;
 * diagnosis-watch.ts collects the observations, and diagnosis-words.ts has the sentences for people.
 */
import type { ErrorCode } from '#protocol/errors.ts';

/** A place to which the server asks this page to send media: one of its ICE candidates. */
export interface MediaAddress {
  /** An IP address or a host name. */
  readonly address: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
}

/** How the server answers a plain HTTP request of this page. */
export type ServerReach =
  | { readonly kind: 'answers' }
  | { readonly kind: 'refuses'; readonly code: ErrorCode; readonly message: string }
  /** Something answers that is not this server: a proxy's error page, a login page of a network. */
  | { readonly kind: 'foreign'; readonly status: number }
  | { readonly kind: 'silent' };

/** The media path of the newest transport that should carry something. */
export interface MediaPath {
  readonly servers: readonly MediaAddress[];
  /** Addresses of its own that the browser offers. */
  readonly localCandidates: number;
  /** Ways from one of these to one of the server's addresses that the browser tries. */
  readonly pairs: number;
  /** How long such transports have been trying without success, one after another, ms. */
  readonly triedMs: number;
  /** A connectivity check was answered: packets travel both ways. */
  readonly answered: boolean;
  /** DTLS is up: media can flow. */
  readonly up: boolean;
}

export interface Observations {
  /** How long the page has been without a connection, ms. */
  readonly waitedMs: number;
  /** `location.hostname` of the page. */
  readonly pageHost: string;
  readonly socket: 'up' | 'down';
  /** Attempts to open the socket that failed after the server had answered by HTTP. */
  readonly socketFailures: number;
  /** Undefined while it is not known. */
  readonly server: ServerReach | undefined;
  /** Undefined while there is no transport, or it has nothing to carry. */
  readonly path: MediaPath | undefined;
}

export type Cause =
  /** Neither the websocket nor plain HTTP gets an answer. */
  | { readonly kind: 'server-silent'; readonly host: string }
  | { readonly kind: 'server-foreign'; readonly status: number }
  /** The server does not accept this page's address: `message` names both sides. */
  | { readonly kind: 'origin-refused'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'websocket-blocked' }
  /** The browser has no path to offer: a setting or an extension allows relays only. */
  | { readonly kind: 'browser-hides-paths' }
  /** The browser has addresses and so has the server, but none of the same kind: IPv4 or IPv6. */
  | { readonly kind: 'no-common-family' }
  /** The server announces addresses that can't be those by which this page has reached it. */
  | { readonly kind: 'wrong-address'; readonly addresses: readonly string[]; readonly host: string }
  | {
      readonly kind: 'media-blocked';
      readonly addresses: readonly string[];
      readonly ports: readonly number[];
      /** TCP was tried as well. */
      readonly tcp: boolean;
    }
  /** Packets travel both ways, but DTLS does not come up. */
  | { readonly kind: 'encryption-blocked' }
  /** The connection is up, and no video comes or goes. */
  | { readonly kind: 'no-video' }
  | { readonly kind: 'unknown' };

/**
 * When a cause is named, ms. Healthy connections are up within 2 s, over TCP within 3; a server that restarts
 * is back within 4. And 10 s is as long as a person waits without a word.
 */
export const NAMED_AFTER_MS = 6_000;
/** Checks of a path are repeated several times within this time; an answer takes a round trip. */
const PATH_TRIED_MS = 4_500;
/** A path that answers needs a few round trips more for DTLS. */
const ENCRYPTION_TRIED_MS = 6_000;
/** From here on the page admits that it does not know. */
const UNKNOWN_AFTER_MS = 9_000;

/** The most likely cause; undefined as long as waiting is the best advice. */
export function causeOf(seen: Observations): Cause | undefined {
  if (seen.path?.up) return seen.waitedMs >= UNKNOWN_AFTER_MS ? { kind: 'no-video' } : undefined;
  if (seen.server?.kind === 'refuses') {
    const { code, message } = seen.server;
    // The answer is certain, and time does not change it.
    if (code === 'origin-refused') return { kind: 'origin-refused', message };
    if (seen.waitedMs >= NAMED_AFTER_MS) return { kind: 'refused', message };
    return undefined;
  }
  if (seen.waitedMs < NAMED_AFTER_MS) return undefined;
  return (
    causeOfSilence(seen) ??
    (seen.path && causeOfPath(seen.path, seen.pageHost)) ??
    (isWebsocketBlocked(seen) ? { kind: 'websocket-blocked' } : undefined) ??
    (seen.waitedMs >= UNKNOWN_AFTER_MS ? { kind: 'unknown' } : undefined)
  );
}

/** Without the server nothing can be said about the path of media. */
function causeOfSilence({ socket, server, pageHost }: Observations): Cause | undefined {
  if (socket === 'up') return undefined;
  if (server?.kind === 'silent') return { kind: 'server-silent', host: pageHost };
  if (server?.kind === 'foreign') return { kind: 'server-foreign', status: server.status };
  return undefined;
}

function isWebsocketBlocked({ socket, socketFailures, server }: Observations): boolean {
  return socket === 'down' && server?.kind === 'answers' && socketFailures > 0;
}

function causeOfPath(path: MediaPath, pageHost: string): Cause | undefined {
  if (path.answered) {
    return path.triedMs >= ENCRYPTION_TRIED_MS ? { kind: 'encryption-blocked' } : undefined;
  }
  if (path.triedMs < PATH_TRIED_MS || path.servers.length === 0) return undefined;
  if (path.localCandidates === 0) return { kind: 'browser-hides-paths' };
  if (path.pairs === 0) return { kind: 'no-common-family' };
  const addresses = distinct(path.servers.map(({ address }) => address));
  if (isElsewhere(addresses, pageHost)) return { kind: 'wrong-address', addresses, host: pageHost };
  const reachable = addresses.filter((address) => !isLoopback(address));
  return {
    kind: 'media-blocked',
    addresses: reachable.length > 0 ? reachable : addresses,
    ports: distinct(path.servers.map(({ port }) => port)),
    tcp: path.servers.some(({ protocol }) => protocol === 'tcp'),
  };
}

/**
 * Whether none of the server's addresses can be the one that has brought this page. A name may stand
 * for any address except loopback.
 */
function isElsewhere(addresses: readonly string[], pageHost: string): boolean {
  const host = pageHost.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (addresses.some((address) => address.toLowerCase() === host)) return false;
  if (isLoopback(host)) return false;
  // A host name that the operator has announced can lead anywhere.
  if (!addresses.every(isIpAddress)) return false;
  return isIpAddress(host) || addresses.every(isLoopback);
}

function isIpAddress(host: string): boolean {
  return /^(?:\d{1,3}\.){3}\d{1,3}$/.test(host) || host.includes(':');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
