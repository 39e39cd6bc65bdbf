import { expect, it } from 'vitest';
import { broadcast, join, PROTOCOL, resume } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';

const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2-xyz';
const HOSTILE = [
  'a\n{"level":60,"msg":"forged"}',
  '\u001b[2J\u009b31m',
  '\u202e\u2028',
  '\u0000\r',
];

it('OBS-2 SEC-6 hostile pages can’t forge log lines, and the log contains no secrets', async () => {
  const logRecords: string[] = [];
  await using server = await InProcessServer.start({
    env: { LOG_LEVEL: 'trace' },
    logRecords,
  });
  const [owner, viewer] = await server.connectMany(2);
  const claimed = await broadcast(owner, 'room-a');
  const joined = await join(viewer, 'room-a');
  const again = await server.connect();
  const resumed = await resume(again, joined.session);
  await again.errorCode('resume', { ...PROTOCOL, ...joined.session });
  const stranger = await server.connect();
  await stranger.errorCode('publish', { ...PROTOCOL, room: 'room-a', publisherSecret: SECRET });
  await stranger.errorCode('join', { ...PROTOCOL, room: 'room-a', token: SECRET });
  for (const text of HOSTILE) {
    await stranger.raw('join', text);
    await stranger.raw('join', { requestId: text, room: text, [text]: text });
    await stranger.raw('publish', { ...PROTOCOL, requestId: 'a', room: 'b', [text]: 1 });
    const path = encodeURIComponent(text);
    await fetch(`${server.url}/join/demo%2523token%253D${SECRET}`);
    await fetch(`${server.url}/join/demo%23token=${SECRET}`);
    await fetch(`${server.url}/join/${path}?token=${SECRET}`, {
      headers: { authorization: `Bearer ${SECRET}`, cookie: `s=${SECRET}` },
    });
  }
  // An origin is no secret: the operator needs it to see which site was refused.
  await SignalClient.connect(server.url, { origin: 'https://stranger.example' }).catch(() => 0);
  await server.app.close();

  const text = logRecords.join('');
  expect(logRecords.length).toBeGreaterThan(20);
  for (const record of logRecords) {
    expect(record).toMatch(/^\{[^\n\r]*\}\n$/);
    // oxlint-disable-next-line no-control-regex -- the test looks for them
    expect(record.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
    expect(JSON.parse(record)).toMatchObject({ level: expect.any(Number) });
    expect(record).not.toMatch(/"level":60/);
  }
  for (const secret of [
    SECRET,
    claimed.publisherSecret ?? '',
    joined.session.resumeSecret,
    resumed.session.resumeSecret,
  ]) {
    expect(secret).not.toBe('');
    expect(text).not.toContain(secret);
  }
  expect(text).toContain(joined.session.sessionId);
  expect(text).toContain('stranger.example');
});
