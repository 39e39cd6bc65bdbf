import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import helmet, {
  contentSecurityPolicy as cspHeader,
  crossOriginOpenerPolicy,
  originAgentCluster,
} from 'helmet';

export const PAGES = ['index', 'publish', 'join', 'embed'] as const;
export type Page = (typeof PAGES)[number];

export interface SecurityOptions {
  /** In development Vite inserts inline styles, and its scripts create HTML from strings. */
  readonly dev: boolean;
  /** The origins whose pages may show a room's embedded viewer; `*` for all. */
  readonly embedOrigins: readonly string[];
}

/**
 * Returns a function that puts the strictest headers on an answer: to be called for every one,
 * including those of Socket.IO, errors, refusals, and pages that do not exist.
 */
export function securityHeaders({
  dev,
}: SecurityOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const handlers = [
    contentSecurityPolicy(dev, ["'none'"]),
    permissionsPolicy([]),
    helmet({
      contentSecurityPolicy: false,
      xFrameOptions: { action: 'deny' },
      // The server speaks plain HTTP. TLS and HSTS are the job of the proxy in front of it.
      strictTransportSecurity: false,
      // See onTrustworthyOrigins.
      originAgentCluster: false,
      crossOriginOpenerPolicy: false,
      crossOriginResourcePolicy: { policy: 'same-origin' },
      // A room's name is part of the URL, and a site that a link leads to must not learn it.
      referrerPolicy: { policy: 'no-referrer' },
    }),
    onTrustworthyOrigins(crossOriginOpenerPolicy({ policy: 'same-origin' }), originAgentCluster()),
  ];
  return (request, response) => {
    for (const handle of handlers) handle(request, response, rethrow);
  };
}

/** The browser features that each page needs. All others stay forbidden. */
const FEATURES: Readonly<Record<Page, readonly string[]>> = {
  index: [],
  publish: ['camera', 'microphone', 'display-capture', 'screen-wake-lock', 'clipboard-write'],
  join: ['fullscreen', 'picture-in-picture', 'screen-wake-lock', 'clipboard-write'],
  embed: ['fullscreen', 'picture-in-picture', 'screen-wake-lock'],
};

export function pageHeaders(page: Page, { dev, embedOrigins }: SecurityOptions): RequestHandler[] {
  const features = permissionsPolicy(FEATURES[page]);
  if (page !== 'embed' || embedOrigins.length === 0) return [features];
  const unframed: RequestHandler = (_request, response, next) => {
    // This header can't name origins, and old browsers obey it instead of the policy that can.
    response.removeHeader('X-Frame-Options');
    next();
  };
  return [features, contentSecurityPolicy(dev, embedOrigins), unframed];
}

/** Handles plain Node requests, like helmet's handlers. */
type Handler = ReturnType<typeof helmet>;

function contentSecurityPolicy(dev: boolean, frameAncestors: readonly string[]): Handler {
  const own = ["'self'"];
  return cspHeader({
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: own,
      styleSrc: dev ? [...own, "'unsafe-inline'"] : own,
      imgSrc: own,
      // In older Safari 'self' does not include the websocket of the same host.
      connectSrc: [
        ...own,
        (request) => webSocketOf('ws', request),
        (request) => webSocketOf('wss', request),
      ],
      workerSrc: own,
      mediaSrc: own,
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors,
      ...(!dev && { requireTrustedTypesFor: ["'script'"], trustedTypes: ['default'] }),
    },
  });
}

/** A valid host, with or without a port. Nothing that matches can add a directive to the policy. */
const HOST = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$/i;

function webSocketOf(scheme: 'ws' | 'wss', { headers }: IncomingMessage): string {
  const { host = '' } = headers;
  // A source must not be empty, and 'self' is in the list already.
  return HOST.test(host) ? `${scheme}://${host}` : "'self'";
}

/** The features that some page needs, and others that no page may use. */
const KNOWN_FEATURES = [
  ...new Set(Object.values(FEATURES).flat()),
  'accelerometer',
  'clipboard-read',
  'geolocation',
  'gyroscope',
  'hid',
  'idle-detection',
  'magnetometer',
  'midi',
  'payment',
  'serial',
  'usb',
  'xr-spatial-tracking',
].toSorted();

function permissionsPolicy(allowed: readonly string[]): Handler {
  const policy = KNOWN_FEATURES.map(
    (feature) => `${feature}=${allowed.includes(feature) ? '(self)' : '()'}`,
  ).join(', ');
  return (_request, response, next) => {
    response.setHeader('Permissions-Policy', policy);
    next();
  };
}

/**
 * Adds headers that browsers obey only on https and localhost; elsewhere they print a warning. Whether
 * a request came by https is in a header. A client that forges it changes only its own answer.
 */
function onTrustworthyOrigins(...handlers: readonly Handler[]): Handler {
  return (request, response, next) => {
    const { host = '', 'x-forwarded-proto': proto } = request.headers;
    const local = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i.test(host);
    if (local || proto === 'https') {
      for (const handle of handlers) handle(request, response, rethrow);
    }
    next();
  };
}

function rethrow(error?: unknown): void {
  if (error !== undefined) throw error;
}
