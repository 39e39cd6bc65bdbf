import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { httpRequest } from '#testkit/http.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';

const server = sharedServer();
let page: string;

beforeAll(async () => {
  page = await (await fetch(`${server.url}/join`)).text();
});

const get = (path: string, encodings: string) =>
  httpRequest(server.url, path, { headers: { 'Accept-Encoding': encodings } });

const SCRIPT = /src="(\/assets\/[^"]+\.js)"/;
const STYLE = /href="(\/assets\/[^"]+\.css)"/;
const firstAsset = (pattern: RegExp): string => {
  const path = pattern.exec(page)?.[1];
  if (path === undefined) throw new Error(`the page has no ${String(pattern)}`);
  return path;
};

describe('JOIN-3 compressed files', () => {
  it.each([
    ['scripts', SCRIPT, 'text/javascript; charset=utf-8'],
    ['styles', STYLE, 'text/css; charset=utf-8'],
  ])(
    'the server sends %s compressed to clients that accept it, and plain to others',
    async (_, which, type) => {
      const path = firstAsset(which);
      const brotli = await get(path, 'gzip, deflate, br');
      const gzip = await get(path, 'gzip, deflate');
      const plain = await get(path, 'identity');
      expect(brotli.headers['content-encoding']).toBe('br');
      expect(gzip.headers['content-encoding']).toBe('gzip');
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(brotliDecompressSync(brotli.body)).toEqual(plain.body);
      expect(gunzipSync(gzip.body)).toEqual(plain.body);
      expect(brotli.body.length).toBeLessThan(gzip.body.length);
      expect(new Set([brotli, gzip, plain].map(({ headers }) => headers.etag)).size).toBe(3);
      for (const { headers } of [brotli, gzip, plain]) {
        expect(headers['content-type']).toBe(type);
        expect(headers.vary).toContain('Accept-Encoding');
        expect(headers['cache-control']).toContain('immutable');
        expect(headers['x-content-type-options']).toBe('nosniff');
      }
    },
  );

  it.each([
    ['gzip;q=0', undefined],
    ['br;q=0, gzip', 'gzip'],
    ['br;q=0, gzip;q=0', undefined],
  ])('an encoding that the client forbids is not used: %s', async (accepted, encoding) => {
    const { headers } = await get(firstAsset(SCRIPT), accepted);
    expect(headers['content-encoding']).toBe(encoding);
  });
});
