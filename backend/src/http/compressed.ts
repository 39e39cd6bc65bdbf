import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { RequestHandler, Response } from 'express';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/**
 * Leads who can read gzip to what the build has compressed, beside the file itself. These are the same
 * for everybody, so nothing can be told from their length.
 */
export function compressedAssets(dist: string): RequestHandler {
  const known = new Set(
    readdirSync(join(dist, 'assets'))
      .filter((name) => name.endsWith('.gz'))
      .map((name) => `/assets/${name.slice(0, -'.gz'.length)}`),
  );
  return (request, response, next) => {
    if (known.has(request.path)) {
      response.vary('Accept-Encoding');
      if (request.acceptsEncodings('gzip') === 'gzip') request.url = `${request.path}.gz`;
    }
    next();
  };
}

/** Says of a compressed file what it is. */
export function describeCompressed(response: Response, path: string): void {
  if (!path.endsWith('.gz')) return;
  const type = TYPES[extname(path.slice(0, -'.gz'.length))];
  if (type === undefined) return;
  response.setHeader('Content-Encoding', 'gzip');
  response.setHeader('Content-Type', type);
}
