import { gunzipSync } from 'node:zlib';
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

const firstAsset = (pattern: RegExp): string => {
  const path = pattern.exec(page)?.[1];
  if (path === undefined) throw new Error(`the page has no ${String(pattern)}`);
  return path;
};

describe('JOIN-3 compressed files', () => {
  it.each([
    ['scripts', /src="(\/assets\/[^"]+\.js)"/, 'text/javascript; charset=utf-8'],
    ['styles', /href="(\/assets\/[^"]+\.css)"/, 'text/css; charset=utf-8'],
  ])(
    'the server sends %s compressed to clients that accept gzip, and uncompressed to others',
    async (_, which, type) => {
      const path = firstAsset(which);
      const compressed = await get(path, 'gzip, deflate, br');
      const plain = await get(path, 'identity');
      expect(compressed.headers['content-encoding']).toBe('gzip');
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(gunzipSync(compressed.body)).toEqual(plain.body);
      expect(compressed.headers.etag).not.toBe(plain.headers.etag);
      for (const { headers } of [compressed, plain]) {
        expect(headers['content-type']).toBe(type);
        expect(headers.vary).toContain('Accept-Encoding');
        expect(headers['cache-control']).toContain('immutable');
        expect(headers['x-content-type-options']).toBe('nosniff');
      }
    },
  );

  it('the server sends no gzip to a client that refuses it', async () => {
    const path = firstAsset(/src="(\/assets\/[^"]+\.js)"/);
    expect((await get(path, 'gzip;q=0')).headers['content-encoding']).toBeUndefined();
  });
});
