import { describe, expect, it } from 'vitest';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { LIMITS } from '#config/limits.ts';
import { ResultSchema } from '#protocol/result.ts';
import { ANSWERS, JOIN_PATH } from '#protocol/signalling.ts';
import * as v from 'valibot';
import { broadcast, join, PROTOCOL } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

describe('LIMIT-6 transports', () => {
  it('a session that renews its transport 2,000 times has two: the new one and the one before', async () => {
    const { mediaChangeBurst, mediaChangesPerS } = LIMITS;
    await using server = await InProcessServer.start({
      limits: { mediaChangeBurst, mediaChangesPerS },
    });
    const viewer = await server.connect();
    await join(viewer, 'room-a');
    const renewals = Array.from({ length: 2_000 }, () => viewer.errorCode('renewTransport'));
    const codes = await Promise.all(renewals);
    const made = codes.filter((code) => code === undefined).length;
    expect(made).toBeGreaterThanOrEqual(mediaChangeBurst);
    expect(codes.filter((code) => code === 'too-many')).toHaveLength(2_000 - made);
    expect((await server.mediaInUse()).transports).toBeLessThanOrEqual(2);
    expect(server.app.registry.sessionCount).toBe(1);
  });

  it('the server closes transports without DTLS, but not that of a viewer that waits for a broadcast', async () => {
    await using server = await InProcessServer.start({ limits: { dtlsDeadlineMs: 300 } });
    const [owner, viewer, waiting] = await server.connectMany(3);
    const waits = await join(waiting, 'room-b');
    const claimed = await broadcast(owner, 'room-a');
    const joined = await join(viewer, 'room-a');
    expect(await viewer.waitForPush('transportGone')).toEqual({ transportId: joined.transport.id });
    expect(await owner.waitForPush('transportGone')).toEqual({ transportId: claimed.transport.id });
    const { iceParameters } = await waiting.request('restartIce', {
      transportId: waits.transport.id,
    });
    expect(iceParameters.usernameFragment).toMatch(/./);
    // The deadline starts with the first consumer.
    await broadcast(await server.connect(), 'room-b');
    expect(await waiting.waitForPush('transportGone')).toEqual({ transportId: waits.transport.id });
  });

  it('nor that of a viewer that joined ahead of its socket, and waits', async () => {
    await using server = await InProcessServer.start({ limits: { dtlsDeadlineMs: 100 } });
    const { rtpCapabilities, dtlsParameters } = chromium;
    const body = {
      ...PROTOCOL,
      requestId: 'ahead',
      room: 'room-c',
      rtpCapabilities,
      dtlsParameters: { ...dtlsParameters, role: 'client' },
    };
    const headers = { 'Content-Type': 'application/json' };
    const post = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await fetch(`${server.url}${JOIN_PATH}`, post);
    const result = v.parse(ResultSchema, await answer.json());
    if (!result.ok) throw new Error(result.code);
    const joined = v.parse(ANSWERS.join, result.value);
    const socket = await server.connect();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const attached = await socket.request('attach', { ...PROTOCOL, ...joined.session });
    expect(attached.transportId).toBe(joined.transport.id);
    // With something to receive, the deadline holds for it as well.
    await broadcast(await server.connect(), 'room-c');
    expect(await socket.waitForPush('transportGone')).toEqual({ transportId: joined.transport.id });
  });
});

describe('REACH-2 media that does not arrive', () => {
  it('is counted and logged once, with the announced address and port; a viewer that only waits is not', async () => {
    const logRecords: string[] = [];
    await using server = await InProcessServer.start({
      limits: { mediaDueMs: 100 },
      env: { LOG_LEVEL: 'warn' },
      logRecords,
    });
    const [owner, viewer, waiting] = await server.connectMany(3);
    await join(waiting, 'room-b');
    await broadcast(owner, 'room-a');
    await join(viewer, 'room-a');
    const series = 'onecast_media_unreached_total{reason="no-packet"}';
    await waitUntil('both are counted', async () => (await server.metric(series)) === 2);
    const lines = logRecords.filter((line) => line.includes('nothing arrives from it'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"addresses":"127.0.0.1"');
    expect(lines[0]).toContain(`${server.mediaPort}/udp`);
  });
});

describe('LIMIT-7 overlay messages', () => {
  /** A data producer in place of a publisher's, from a direct transport in the room's own router. */
  async function overlaySource(server: InProcessServer, room: string) {
    const [owner, viewer] = await server.connectMany(2);
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
    await publisher.receiveOverlay(source);
    const message = (seq: number) =>
      JSON.stringify({ kind: 'data', topic: 'a', seq, capturedAt: 0, data: 'x'.repeat(1_000) });
    return { owner, viewer, publisher, send: (seq: number) => source.send(message(seq)) };
  }

  it('a publisher that sends more than the burst is closed, and only its broadcast ends', async () => {
    await using server = await InProcessServer.start();
    const bystander = await overlaySource(server, 'room-b');
    const { owner, viewer, publisher, send } = await overlaySource(server, 'room-a');
    for (let seq = 1; seq <= LIMITS.overlayBurst * 4; seq += 1) send(seq);
    expect(await owner.waitForPush('sessionClosed')).toEqual({ code: 'overlay-flood' });
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'ended');
    expect(publisher.session.ended).toBe('overlay-flood');
    expect(publisher.broadcast).toBeUndefined();
    expect(await server.metric('onecast_refused_total{code="overlay-flood"}')).toBe(1);
    // The server did not even parse what came after that.
    const parsed =
      (await server.metric('onecast_overlay_messages_total{fate="taken"}')) +
      (await server.metric('onecast_overlay_messages_total{fate="dropped"}'));
    expect(parsed).toBeLessThan(LIMITS.overlayBurst * 2);
    bystander.send(1);
    await waitUntil('the other room’s message is accepted', async () => {
      const [other] = [...server.app.registry.rooms()].filter(({ id }) => id === 'room-b');
      return other?.overlay.snapshot().page.length === 1;
    });
    expect(bystander.publisher.session.ended).toBeUndefined();
    // The page may publish again, as it does when a person presses the button.
    expect(await owner.errorCode('endBroadcast', { epoch: 1 })).toBe('session-gone');
  });

  it('a publisher may send a whole burst', async () => {
    await using server = await InProcessServer.start();
    const { owner, send } = await overlaySource(server, 'room-a');
    for (let seq = 1; seq <= LIMITS.overlayBurst; seq += 1) send(seq);
    await waitUntil(
      'all are accepted',
      async () =>
        (await server.metric('onecast_overlay_messages_total{fate="taken"}')) ===
        LIMITS.overlayBurst,
    );
    expect(owner.pushes('sessionClosed')).toEqual([]);
  });

  it('the worker limits messages to 16 KiB', async () => {
    await using server = await InProcessServer.start();
    const { transport } = await join(await server.connect(), 'room-a');
    expect(transport.sctpParameters.maxMessageSize).toBe(16 * 1024);
  });
});
