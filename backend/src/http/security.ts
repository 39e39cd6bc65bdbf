import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** Headers of every answer. In development Vite puts styles into the page itself. */
export function securityHeaders(dev: boolean): RequestHandler[] {
  const own = ["'self'"];
  return [
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: own,
          baseUri: ["'none'"],
          objectSrc: ["'none'"],
          formAction: own,
          frameAncestors: ["'none'"],
          imgSrc: [...own, 'data:'],
          mediaSrc: [...own, 'blob:'],
          workerSrc: [...own, 'blob:'],
          styleSrc: dev ? [...own, "'unsafe-inline'"] : own,
          ...(!dev && { requireTrustedTypesFor: ["'script'"] }),
        },
      },
      xFrameOptions: { action: 'deny' },
      // The server speaks plain HTTP; TLS and its HSTS belong to what stands in front of it.
      strictTransportSecurity: false,
      // On a plain-HTTP origin of the local network the browser would only warn about it.
      originAgentCluster: false,
      crossOriginOpenerPolicy: false,
      referrerPolicy: { policy: 'no-referrer' },
    }),
    (_request, response, next) => {
      response.setHeader(
        'Permissions-Policy',
        'camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), geolocation=(), payment=(), usb=()',
      );
      next();
    },
  ];
}
