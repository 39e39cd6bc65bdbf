import type { IncomingMessage, Server } from 'node:http';
import type { RequestHandler } from 'express';
import helmet, {
  contentSecurityPolicy as cspHeader,
  crossOriginOpenerPolicy,
  originAgentCluster,
} from 'helmet';
import type { Page } from './pages.ts';

export interface SecurityOptions {
  /** Vite puts styles into the page itself, and its own scripts make markup from strings. */
  readonly dev: boolean;
  /** Whose pages may show a room's embedded viewer; `*` for everybody's. */
  readonly embedOrigins: readonly string[];
}

/**
 * Puts the strictest headers on every answer, those of Socket.IO, of errors and of pages that do not
 * exist among them. To be called once every other listener of `http` is there.
 */
export function secureEveryAnswer(http: Server, { dev }: SecurityOptions): void {
  const handlers = [
    contentSecurityPolicy(dev, ["'none'"]),
    permissionsPolicy([]),
    helmet({
      contentSecurityPolicy: false,
      xFrameOptions: { action: 'deny' },
      // The server speaks plain HTTP; TLS and its HSTS belong to what stands in front of it.
      strictTransportSecurity: false,
      // See onTrustworthyOrigins.
      originAgentCluster: false,
      crossOriginOpenerPolicy: false,
      crossOriginResourcePolicy: { policy: 'same-origin' },
      // A room's name is in its address: no other site is to learn it from a link that is followed.
      referrerPolicy: { policy: 'no-referrer' },
    }),
    onTrustworthyOrigins(crossOriginOpenerPolicy({ policy: 'same-origin' }), originAgentCluster()),
  ];
  http.prependListener('request', (request, response) => {
    for (const handle of handlers) handle(request, response, rethrow);
  });
}

/** What each page may beyond that, and nothing more than it needs. */
const FEATURES: Readonly<Record<Page, readonly string[]>> = {
  index: [],
  publish: ['camera', 'microphone', 'display-capture', 'screen-wake-lock', 'clipboard-write'],
  join: ['fullscreen', 'picture-in-picture', 'screen-wake-lock'],
  embed: ['fullscreen', 'picture-in-picture', 'screen-wake-lock'],
};

export function pageHeaders(page: Page, { dev, embedOrigins }: SecurityOptions): RequestHandler[] {
  const features = permissionsPolicy(FEATURES[page]);
  if (page !== 'embed' || embedOrigins.length === 0) return [features];
  const unframed: RequestHandler = (_request, response, next) => {
    // It can't name origins, and old browsers would heed it before the policy that can.
    response.removeHeader('X-Frame-Options');
    next();
  };
  return [features, contentSecurityPolicy(dev, embedOrigins), unframed];
}

/** A handler of plain Node's requests, as helmet's are. */
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
      // Older Safari does not take 'self' for the websocket of the same host.
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

/** A host by which a browser may have come here, and nothing that could hold a further directive. */
const HOST = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$/i;

function webSocketOf(scheme: 'ws' | 'wss', { headers }: IncomingMessage): string {
  const { host = '' } = headers;
  // Sources must not be empty; this one is there already.
  return HOST.test(host) ? `${scheme}://${host}` : "'self'";
}

/** Those that some page needs, and those that none has any business with. */
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
 * Browsers heed these headers on https and on this machine only, and say so in the console elsewhere.
 * Whether it was https is what the proxy says; who lies about it lies about an answer of its own.
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
