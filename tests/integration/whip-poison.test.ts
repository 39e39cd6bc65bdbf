/** Posts hostile SDP offers to a server with a real worker. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSecret } from '#backend/admission/secrets.ts';
import { BystanderStream } from '#testkit/media/bystander-stream.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const FOLDER = join(import.meta.dirname, '../corpus/whip-offers');
const OFFERS = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.sdp'))
  .map((name) => readFileSync(join(FOLDER, name), 'utf8').trimEnd().split('\n'));

const NUMBERS = ['0', '-1', '127', '128', '65536', '4294967295', '4294967296', '1e308', 'NaN'];
const TEXTS = [
  '',
  '__proto__',
  'constructor',
  '\u0000',
  '%s%n',
  'é'.repeat(300),
  'a'.repeat(5_000),
];

const server = sharedServer({
  limits: { sessionGraceMs: 200, idleRoomMs: 200, idleUnusedRoomMs: 200, interruptedRoomMs: 200 },
});
let stream: BystanderStream;

beforeAll(async () => {
  stream = await BystanderStream.start(server.worker().worker);
});
afterAll(async () => {
  await stream[Symbol.asyncDispose]();
});

/** Each line of an offer left out, written twice, moved to the front, and with hostile values in it. */
function* mutations(lines: readonly string[]): Generator<string[]> {
  for (const [i, line] of lines.entries()) {
    yield lines.toSpliced(i, 1);
    yield lines.toSpliced(i, 0, line);
    yield [line, ...lines.toSpliced(i, 1)];
    for (const number of NUMBERS) yield lines.with(i, line.replace(/\d+/, number));
    for (const text of TEXTS)
      yield lines.with(
        i,
        line.replace(/[:=].*/, (found) => found[0] + text),
      );
    yield lines.with(i, line.replace(/\w+$/, '1;1;1,1;~1'));
  }
}

test('WHIP-2 SEC-1 no offer stops a worker, disturbs another room or leaves anything behind', async () => {
  const { pid } = server.worker().worker;
  const statuses = new Map<number, number>();
  // Every seventh, each time another one, so that all kinds of mutations meet all kinds of lines.
  const bodies = OFFERS.flatMap((lines) => [...mutations(lines)]).filter((_, i) => i % 7 === 0);
  const whole = [
    'v=0\r\n'.repeat(5_000),
    `v=0\r\n${'m=video 9 UDP/TLS/RTP/SAVPF 96\r\n'.repeat(1_500)}`,
    `v=0\r\n${'a=group:BUNDLE '.padEnd(60_000, '0 ')}\r\n`,
    `v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=fmtp:96 ${'a=b;'.repeat(15_000)}\r\n`,
    `v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=simulcast:send ${'1;'.repeat(20_000)}\r\n`,
    `v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=candidate:${'1 '.repeat(20_000)}\r\n`,
  ];
  for (const body of [...bodies.map((lines) => `${lines.join('\r\n')}\r\n`), ...whole]) {
    const response = await fetch(`${server.url}/whip/${server.newRoom()}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${newSecret()}` },
      body,
    });
    const text = await response.text();
    if (![201, 400, 422].includes(response.status)) {
      throw new Error(`${response.status} ${text.slice(0, 300)}\n${body.slice(0, 3_000)}`);
    }
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
  }
  // Most mutations change nothing that matters, and many make an offer invalid.
  expect(Math.min(...statuses.values())).toBeGreaterThan(20);
  expect(server.worker().worker.pid).toBe(pid);
  expect(await stream.lost()).toEqual([]);
  for (const member of server.app.registry.members()) member.session.close('left');
  await waitUntil('all rooms are gone', () => [...server.app.registry.rooms()].length === 0);
  await waitUntil('the worker holds the bystander’s media alone', async () => {
    const { routers, iceUsers } = await server.mediaInUse();
    return routers <= 2 && iceUsers === 0;
  });
});
