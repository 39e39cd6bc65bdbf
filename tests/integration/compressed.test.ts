import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessServer } from '#testkit/server/in-process-server.ts';

let server: InProcessServer;
let page: string;

beforeAll(async () => {
  server = await InProcessServer.start();
  page = await (await fetch(`${server.url}/join`)).text();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** As it comes: fetch would unpack it. */
async function get(path: string, encodings: string) {
  return new Promise<{ headers: NodeJS.Dict<string | string[]>; body: Buffer }>(
    (resolve, reject) => {
      const headers = { 'Accept-Encoding': encodings };
      const asked = request(`${server.url}${path}`, { headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () =>
          resolve({ headers: response.headers, body: Buffer.concat(chunks) }),
        );
      });
      asked.once('error', reject);
      asked.end();
    },
  );
}

const first = (pattern: RegExp): string => {
  const path = pattern.exec(page)?.[1];
  if (path === undefined) throw new Error('the page has none');
  return path;
};

describe('JOIN-3 what the build has compressed', () => {
  it.each([
    ['scripts', /src="(\/assets\/[^"]+\.js)"/, 'text/javascript; charset=utf-8'],
    ['styles', /href="(\/assets\/[^"]+\.css)"/, 'text/css; charset=utf-8'],
  ])(
    '%s come compressed to who can read that, and as they are to others',
    async (_, which, type) => {
      const path = first(which);
      const packed = await get(path, 'gzip, deflate, br');
      const plain = await get(path, 'identity');
      expect(packed.headers['content-encoding']).toBe('gzip');
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(gunzipSync(packed.body)).toEqual(plain.body);
      expect(packed.headers.etag).not.toBe(plain.headers.etag);
      for (const { headers } of [packed, plain]) {
        expect(headers['content-type']).toBe(type);
        expect(headers.vary).toContain('Accept-Encoding');
        expect(headers['cache-control']).toContain('immutable');
        expect(headers['x-content-type-options']).toBe('nosniff');
      }
    },
  );

  it('who forbids it gets none', async () => {
    const path = first(/src="(\/assets\/[^"]+\.js)"/);
    expect((await get(path, 'gzip;q=0')).headers['content-encoding']).toBeUndefined();
  });
});
