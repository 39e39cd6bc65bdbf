import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { broadcast, join } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

describe('LIMIT-6 transports', () => {
  it('2,000 attempts of one session leave two: the one it has and the one before', async () => {
    const { mediaChangeBurst, mediaChangesPerS } = LIMITS;
    await using server = await InProcessServer.start({
      limits: { mediaChangeBurst, mediaChangesPerS },
    });
    const viewer = await server.connect();
    await join(viewer, 'room-a');
    const asked = Array.from({ length: 2_000 }, () => viewer.errorCode('renewTransport'));
    const codes = await Promise.all(asked);
    const made = codes.filter((code) => code === undefined).length;
    expect(made).toBeGreaterThanOrEqual(mediaChangeBurst);
    expect(codes.filter((code) => code === 'too-many')).toHaveLength(2_000 - made);
    expect((await server.mediaInUse()).transports).toBeLessThanOrEqual(2);
    expect(server.app.registry.sessionCount).toBe(1);
  });

  it('half-open ones are closed; a viewer that waits for a broadcast keeps its own', async () => {
    await using server = await InProcessServer.start({ limits: { dtlsDeadlineMs: 300 } });
    const [owner, viewer, waiting] = await Promise.all([
      server.connect(),
      server.connect(),
      server.connect(),
    ]);
    const waits = await join(waiting, 'room-b');
    const claimed = await broadcast(owner, 'room-a');
    const joined = await join(viewer, 'room-a');
    expect(await viewer.waitForPush('transportGone')).toEqual({ transportId: joined.transport.id });
    expect(await owner.waitForPush('transportGone')).toEqual({ transportId: claimed.transport.id });
    const { iceParameters } = await waiting.request('restartIce', {
      transportId: waits.transport.id,
    });
    expect(iceParameters.usernameFragment).toMatch(/./);
    // From the first consumer on it counts for this one, too.
    await broadcast(await server.connect(), 'room-b');
    expect(await waiting.waitForPush('transportGone')).toEqual({ transportId: waits.transport.id });
  });
});

describe('LIMIT-7 overlay messages', () => {
  /** What a publisher's browser would send, from a transport within the server's own router. */
  async function overlaySource(server: InProcessServer, room: string) {
    const [owner, viewer] = await Promise.all([server.connect(), server.connect()]);
    await broadcast(owner, room);
    await join(viewer, room);
    const [found] = [...server.app.registry.rooms()].filter(({ id }) => id === room);
    const router = await found?.fanOut.home();
    const [publisher] = [...server.app.registry.members()].filter(
      (member) => member.role === 'publisher' && member.room.id === room,
    );
    if (!router || publisher?.role !== 'publisher') throw new Error('the room is live');
    const transport = await router.router.createDirectTransport();
    const source = await transport.produceData();
    await found?.tap(publisher, source);
    const message = (seq: number) =>
      JSON.stringify({ kind: 'data', topic: 'a', seq, capturedAt: 0, data: 'x'.repeat(1_000) });
    return { owner, viewer, publisher, send: (seq: number) => source.send(message(seq)) };
  }

  it('past the burst the publisher is closed and told, its broadcast over, others untouched', async () => {
    await using server = await InProcessServer.start();
    const bystander = await overlaySource(server, 'room-b');
    const { owner, viewer, publisher, send } = await overlaySource(server, 'room-a');
    for (let seq = 1; seq <= LIMITS.overlayBurst * 4; seq += 1) send(seq);
    expect(await owner.waitForPush('sessionClosed')).toEqual({ code: 'overlay-flood' });
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'ended');
    expect(publisher.session.ended).toBe('overlay-flood');
    expect(publisher.broadcast).toBeUndefined();
    expect(await server.metric('onecast_refused_total{code="overlay-flood"}')).toBe(1);
    // What came after the last straw was not even looked at.
    const looked =
      (await server.metric('onecast_overlay_messages_total{fate="taken"}')) +
      (await server.metric('onecast_overlay_messages_total{fate="dropped"}'));
    expect(looked).toBeLessThan(LIMITS.overlayBurst * 2);
    bystander.send(1);
    await waitUntil('the other room’s message is taken', async () => {
      const [other] = [...server.app.registry.rooms()].filter(({ id }) => id === 'room-b');
      return other?.overlay().page.length === 1;
    });
    expect(bystander.publisher.session.ended).toBeUndefined();
    // The page may start again, as somebody who presses the button would.
    expect(await owner.errorCode('endBroadcast', { epoch: 1 })).toBe('session-gone');
  });

  it('as many as may be change nothing', async () => {
    await using server = await InProcessServer.start();
    const { owner, send } = await overlaySource(server, 'room-a');
    for (let seq = 1; seq <= LIMITS.overlayBurst; seq += 1) send(seq);
    await waitUntil(
      'all are taken',
      async () =>
        (await server.metric('onecast_overlay_messages_total{fate="taken"}')) ===
        LIMITS.overlayBurst,
    );
    expect(owner.pushes('sessionClosed')).toEqual([]);
  });

  it('one that is too large never leaves the worker', async () => {
    await using server = await InProcessServer.start();
    const { transport } = await join(await server.connect(), 'room-a');
    expect(transport.sctpParameters.maxMessageSize).toBe(16 * 1024);
  });
});
