import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { RequestHandler } from 'express';
import { createHash } from 'node:crypto';

/** In the order of preference. */
const ENCODINGS = [
  { encoding: 'br', suffix: '.br' },
  { encoding: 'gzip', suffix: '.gz' },
] as const;

interface BuiltFile {
  readonly content: Buffer;
  readonly etag: string;
}

/**
 * Serves the files of the build from memory: an answer opens no file, and all answers share one copy.
 * Scripts and styles are served as the build has compressed them, if the browser accepts that. They
 * are the same for everybody, so their length reveals nothing.
 */
export function builtFiles(dist: string): RequestHandler {
  const files = readAll(dist);
  return (request, response, next) => {
    const { path, method } = request;
    const plain = files.get(path);
    if (!plain || (method !== 'GET' && method !== 'HEAD')) {
      next();
      return;
    }
    const choices = ENCODINGS.filter(({ suffix }) => files.has(path + suffix));
    if (choices.length > 0) response.vary('Accept-Encoding');
    const choice = choices.find(({ encoding }) => request.acceptsEncodings(encoding) === encoding);
    if (choice) response.set('Content-Encoding', choice.encoding);
    const file = (choice && files.get(path + choice.suffix)) ?? plain;
    response
      .type(extname(path))
      .set('ETag', file.etag)
      // The name of a file in /assets/ has a hash of its content.
      .set(
        'Cache-Control',
        path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      )
      .send(file.content);
  };
}

/** Every file below `dist`, by the path of its URL. */
function readAll(dist: string): ReadonlyMap<string, BuiltFile> {
  const files = new Map<string, BuiltFile>();
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const content = readFileSync(file);
    files.set(file.slice(dist.length).replaceAll('\\', '/'), { content, etag: etagOf(content) });
  }
  return files;
}

export function etagOf(content: Buffer): string {
  return `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
}
