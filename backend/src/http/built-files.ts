import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import express, { type RequestHandler } from 'express';

/** In the order of preference. */
const ENCODINGS = [
  { encoding: 'br', suffix: '.br' },
  { encoding: 'gzip', suffix: '.gz' },
] as const;

/**
 * Serves the files of the build. Scripts and styles are served as the build has compressed them, if
 * the browser accepts that. They are the same for everybody, so their length reveals nothing.
 */
export function builtFiles(dist: string): RequestHandler[] {
  const names = new Set(readdirSync(join(dist, 'assets')).map((name) => `/assets/${name}`));
  const chooseEncoding: RequestHandler = (request, response, next) => {
    const { path } = request;
    const choices = ENCODINGS.filter(({ suffix }) => names.has(path + suffix));
    if (choices.length > 0) response.vary('Accept-Encoding');
    const choice = choices.find(({ encoding }) => request.acceptsEncodings(encoding) === encoding);
    if (choice) request.url = path + choice.suffix;
    next();
  };
  const files = express.static(dist, {
    index: false,
    extensions: [],
    setHeaders: (response, path) => {
      const compressed = ENCODINGS.find(({ suffix }) => path.endsWith(suffix));
      if (compressed) {
        response.setHeader('Content-Encoding', compressed.encoding);
        response.type(extname(path.slice(0, -compressed.suffix.length)));
      }
      // The name of a file in /assets/ has a hash of its content.
      response.setHeader(
        'Cache-Control',
        path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
  return [chooseEncoding, files];
}
