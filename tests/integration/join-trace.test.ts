import { describe, expect, it } from 'vitest';
import { broadcast, join } from '#testkit/signalling/requests.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';

const TRACE = {
  way: 'ahead',
  steps: {
    asked: 20,
    answered: 60,
    'set-up': 90,
    ice: 120,
    dtls: 210.5,
    packet: 230,
    frame: 380,
  },
} as const;

const server = sharedServer();

async function viewer() {
  const room = server.newRoom();
  await broadcast(await server.connect(), room);
  const client = await server.connect();
  return { client, joined: await join(client, room) };
}

const series = (what: string, step: string, way: string) =>
  server.metric(`onecast_join_step_seconds_${what}{step="${step}",way="${way}"}`);

describe('JOIN-5 the join trace of a viewer’s page', () => {
  it('the metrics show each step in seconds', async () => {
    const before = await series('sum', 'dtls', 'ahead');
    const { client } = await viewer();
    expect(await client.request('report', { join: TRACE })).toBeNull();
    expect((await series('sum', 'dtls', 'ahead')) - before).toBeCloseTo(0.2105);
    for (const step of Object.keys(TRACE.steps)) {
      expect([step, await series('count', step, 'ahead')]).toEqual([step, 1]);
      expect([step, await series('count', step, 'socket')]).toEqual([step, 0]);
    }
  });

  it('the metrics count a trace once a session, however often the page reports it', async () => {
    const before = await series('count', 'frame', 'ahead');
    const { client } = await viewer();
    for (let i = 0; i < 3; i += 1) await client.request('report', { join: TRACE });
    expect((await series('count', 'frame', 'ahead')) - before).toBe(1);
  });

  it('the metrics skip steps that the browser does not report', async () => {
    const counts = async () =>
      Promise.all(
        ['asked', 'ice', 'packet', 'frame'].map((step) => series('count', step, 'socket')),
      );
    const before = await counts();
    const { client } = await viewer();
    const { asked, answered, frame } = TRACE.steps;
    const steps = { asked, answered, 'set-up': answered, frame };
    await client.request('report', { join: { way: 'socket', steps } });
    const after = await counts();
    expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([1, 0, 0, 1]);
  });

  it('FRAME-8 a report may carry the match method as well', async () => {
    const viewers = async () => server.metric('onecast_viewers_overlay_match{method="rtp"}');
    const before = [await series('count', 'frame', 'ahead'), await viewers()];
    const { client } = await viewer();
    await client.request('report', { join: TRACE, match: { method: 'rtp' } });
    const after = [await series('count', 'frame', 'ahead'), await viewers()];
    expect(after.map((count, i) => count - (before[i] ?? 0))).toEqual([1, 1]);
    expect(await client.errorCode('report', { match: { method: 'guess' } })).toBe('bad-request');
    expect(await client.errorCode('report', { match: {} })).toBe('bad-request');
  });

  it.each<[string, object]>([
    ['a negative step', { ...TRACE, steps: { ...TRACE.steps, ice: -1 } }],
    ['a step longer than a minute', { ...TRACE, steps: { ...TRACE.steps, frame: 60_001 } }],
    ['a string for a number', { ...TRACE, steps: { ...TRACE.steps, ice: '5' } }],
    ['an unknown step', { ...TRACE, steps: { ...TRACE.steps, 'my-step': 5 } }],
    ['an unknown way', { ...TRACE, way: 'carrier pigeon' }],
    ['no frame', { ...TRACE, steps: { asked: 1, answered: 2, 'set-up': 3 } }],
    ['a field too many', { ...TRACE, room: 'main' }],
  ])('SEC-4 the server refuses a trace and counts nothing: %s', async (_what, trace) => {
    const { client } = await viewer();
    const before = await server.metrics();
    expect(await client.errorCode('report', { join: trace })).toBe('bad-request');
    const steps = (text: string) => text.split('\n').filter((line) => line.includes('join_step'));
    expect(steps(await server.metrics())).toEqual(steps(before));
  });

  it('SEC-4 the server accepts a trace from viewers only', async () => {
    const owner = await server.connect();
    expect(await owner.errorCode('report', { join: TRACE })).toBe('session-gone');
    await broadcast(owner, server.newRoom());
    expect(await owner.errorCode('report', { join: TRACE })).toBe('not-allowed');
  });
});
