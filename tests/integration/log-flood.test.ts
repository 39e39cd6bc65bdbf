import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { PROTOCOL } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';

const TIMES = 150;
const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.e30.AAAA';

async function many(task: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < TIMES; i += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, j) => task(i + j)));
  }
}

/** Sends bytes that need not be HTTP, and waits until the connection is closed. */
function sendRaw(url: string, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.resume();
  });
}

it('OBS-4 strangers can’t fill the log, by whatever path they are refused', async () => {
  const logRecords: string[] = [];
  await using server = await InProcessServer.start({
    env: { LOG_LEVEL: 'info', AUTH_SECRET: 'x'.repeat(32) },
    logRecords,
    // The product's own rates, so that sockets are cut.
    limits: { messageBurst: LIMITS.messageBurst, messagesPerS: LIMITS.messagesPerS },
  });
  const { url } = server;
  const post = async (path: string, body: string, headers = {}) => {
    const type = { 'content-type': 'application/json' };
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      body,
      headers: { ...type, ...headers },
    });
    await response.arrayBuffer();
  };
  const begun = performance.now();
  const before = logRecords.length;
  // HTTP: no authority, no JSON, no such room, wrong tokens, other origins, unknown paths.
  await many(() => post('/api/rooms/abc/overlay', '{}'));
  await many((i) => post(`/api/rooms/r${i}/overlay`, '{', { authorization: `Bearer ${TOKEN}` }));
  await many(() => post('/api/join', 'no json'));
  await many((i) =>
    post('/api/join', JSON.stringify({ ...PROTOCOL, room: `r${i}`, token: TOKEN })),
  );
  await many(() => post('/api/join', '{}', { origin: 'https://other.example' }));
  await many(async (i) => (await fetch(`${url}/join/%E0%A4%A/${i}`)).arrayBuffer());
  // Connections that are no HTTP, and upgrades that are refused.
  await many(() => sendRaw(url, 'NONSENSE\r\n\r\n'));
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
  await many(() =>
    sendRaw(url, `GET /socket.io/?EIO=9&transport=websocket HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`),
  );
  const foreign = { origin: 'https://other.example' };
  await many(() => SignalClient.connect(url, foreign).catch(() => undefined));
  // Sockets: bad requests, wrong tokens, and so many of them that the socket is cut.
  await many(async (i) => {
    const client = await SignalClient.connect(url);
    for (let n = 0; n < 30; n += 1) {
      if (n % 2 === 0) void client.raw('join', { [`field-${i}-${n}`]: n }).catch(() => undefined);
      else
        void client
          .raw('publish', { ...PROTOCOL, requestId: `${i}-${n}`, room: 'main', token: TOKEN })
          .catch(() => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.close();
  });
  const seconds = (performance.now() - begun) / 1_000;

  const lines = new Map<string, number>();
  for (const record of logRecords.slice(before)) {
    const { msg, code = '' } = JSON.parse(record) as { msg: string; code?: string };
    const kind = `${msg} ${code}`;
    lines.set(kind, (lines.get(kind) ?? 0) + 1);
  }
  expect(lines.size).toBeGreaterThan(4);
  for (const [kind, count] of lines) {
    const summary = kind.startsWith('lines left out') ? seconds * 3 : 0;
    expect([
      kind,
      count <= LIMITS.logKindBurst + seconds * LIMITS.logKindPerS + summary + 1,
    ]).toEqual([kind, true]);
  }
  expect(
    await server.metric('onecast_log_lines_missing_total{reason="summarised"}'),
  ).toBeGreaterThan(TIMES);
  // Metrics count each refusal, by whatever limit it was refused.
  const counts = (await server.metrics()).matchAll(/^onecast_refused_total\{.*\} (\d+)$/gm);
  const refused = [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  expect(refused).toBeGreaterThanOrEqual(6 * TIMES);
});
