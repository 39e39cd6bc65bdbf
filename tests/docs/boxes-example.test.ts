import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const BOXES = join(import.meta.dirname, '../../docs/examples/boxes.py');
const python = spawnSync('python3', ['--version']).status === 0;

/** Runs the example against a server that answers with these codes, one after another. */
async function run(codes: readonly ('ok' | 'room-taken')[]) {
  let requests = 0;
  const server = createServer((request, response) => {
    const code = codes[Math.min(requests, codes.length - 1)];
    requests += 1;
    request.resume().once('end', () => {
      response.statusCode = code === 'ok' ? 200 : 403;
      response.end(JSON.stringify(code === 'ok' ? {} : { code, message: 'taken' }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const program = spawn('python3', [BOXES, '--url', url, '--seconds', '3'], {
    env: { ...process.env, ONECAST_SECRET: 'x' },
    stdio: 'ignore',
  });
  const [exitCode] = (await once(program, 'exit')) as [number | null];
  server.close();
  return { exitCode, requests };
}

test.runIf(python)(
  'ROOM-9 INGEST-5 a program goes on if somebody else has its room for a moment after a restart',
  async () => {
    const { exitCode, requests } = await run(['ok', 'room-taken', 'ok']);
    expect(exitCode).toBe(0);
    expect(requests).toBeGreaterThan(4);
  },
  20_000,
);

test.runIf(python)('INGEST-5 a program with a wrong secret stops at once', async () => {
  expect(await run(['room-taken'])).toEqual({ exitCode: 1, requests: 1 });
});
