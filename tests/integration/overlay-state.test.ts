import { describe, expect, it } from 'vitest';
import type { KeyedMessage, StateChange, StateSnapshot } from '#protocol/overlay-state.ts';
import { STATE_MAX_KEYS } from '#protocol/overlay-state.ts';
import { tapServerChannel } from '#testkit/server/channel-tap.ts';
import { broadcast, claim, join, produceVideo, resume } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';
import { keyedMessage as data } from '#testkit/overlay/keyed-message.ts';

const server = sharedServer({
  limits: { stateReannounceMinMs: 20, stateReannounceMaxMs: 80 },
});
const newRoom = () => server.newRoom();

const set = (client: SignalClient, ...messages: KeyedMessage[]) =>
  client.request('setState', { messages });
const held = ({ entries }: StateSnapshot) =>
  Object.fromEntries(entries.map(({ from, key, ...entry }) => [`${from} ${key}`, entry]));

describe('STATE-1 the server keeps the newest of each key', () => {
  it('a viewer that joins, resumes or renews gets the whole state in the answer', async () => {
    const room = newRoom();
    const [owner, viewer] = await server.connectMany(2);
    await broadcast(owner, room);
    await set(owner, data('home', 1), data('away', 0), data('gone', 1));
    await set(owner, data('home', 2), data('gone', null));
    const joined = await join(viewer, room);
    const expected = {
      'page home': expect.objectContaining({ topic: 'match', data: 2 }),
      'page away': expect.objectContaining({ data: 0 }),
    };
    expect(held(joined.overlay.state)).toEqual(expected);
    expect(joined.overlay.state.rev).toBe(5);
    const again = await server.connect();
    const resumed = await resume(again, joined.session);
    expect(resumed.overlay?.state).toEqual(joined.overlay.state);
    expect((await again.request('renewTransport')).overlay?.state).toEqual(joined.overlay.state);
    expect(await again.request('stateSnapshot')).toEqual(joined.overlay.state);
  });

  it('the server carries out a repeated request once', async () => {
    const room = newRoom();
    const owner = await server.connect();
    await broadcast(owner, room);
    const first = { requestId: 'same', messages: [data('home', 1)] };
    expect(await owner.raw('setState', first)).toEqual({ ok: true, value: null });
    await set(owner, data('home', 2));
    expect(await owner.raw('setState', first)).toEqual({ ok: true, value: null });
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.state.entries).toEqual([{ ...data('home', 2), from: 'page' }]);
  });

  it('only the live publisher sets state, and only viewers get a snapshot', async () => {
    const room = newRoom();
    const [owner, second, viewer] = await server.connectMany(3);
    const { publisherSecret } = await broadcast(owner, room);
    await join(viewer, room);
    const request = { messages: [data('home', 1)] };
    expect(await viewer.errorCode('setState', request)).toBe('not-allowed');
    expect(await owner.errorCode('stateSnapshot')).toBe('not-allowed');
    const claimed = await claim(second, room, publisherSecret);
    expect(await second.errorCode('setState', request)).toBe('stale-epoch');
    await produceVideo(second, claimed.transport.id);
    await owner.waitForPush('superseded');
    expect(await owner.errorCode('setState', request)).toBe('superseded');
    expect(await second.errorCode('setState', request)).toBeUndefined();
  });

  it('STATE-4 the server refuses invalid or excessive state and keeps the rest', async () => {
    const room = newRoom();
    const owner = await server.connect();
    await broadcast(owner, room);
    const setCode = (...messages: unknown[]) => owner.errorCode('setState', { messages });
    expect(await setCode({ ...data('a b', 1) })).toBe('bad-request');
    expect(await setCode({ ...data('home', 1), ttlMs: 1_000 })).toBe('bad-request');
    expect(await setCode({ ...data('home', 1), seq: 1 })).toBe('bad-request');
    expect(await setCode({ ...data('home', 1), kind: 'shapes' })).toBe('bad-request');
    expect(await setCode(...Array.from({ length: 65 }, (_, i) => data(`k${i}`, i)))).toBe(
      'bad-request',
    );
    expect(await setCode(data('home', 'x'.repeat(17_000)))).toBe('message-too-large');
    for (let i = 0; i < STATE_MAX_KEYS; i += 64) {
      await set(owner, ...Array.from({ length: 64 }, (_, n) => data(`k${i + n}`, i)));
    }
    expect(await setCode(data('more', 1))).toBe('state-full');
    const { overlay } = await join(await server.connect(), room);
    expect(overlay.state.entries).toHaveLength(STATE_MAX_KEYS);
  });
});

describe('STATE-2 changes reach viewers in order, through the worker', () => {
  it('the first change opens the channel, later changes arrive in order, and the last revision is repeated', async () => {
    const room = newRoom();
    const [owner, viewer] = await server.connectMany(2);
    await broadcast(owner, room);
    const joined = await join(viewer, room);
    expect(joined.media.data.map(({ channel }) => channel)).toEqual(['page']);
    await set(owner, data('home', 1));
    const { media, overlay } = await viewer.waitForPush('broadcastChanged', (push) =>
      push.media.data.some(({ channel }) => channel === 'state'),
    );
    expect(overlay && held(overlay.state)).toHaveProperty('page home');
    const channel = media.data.find((each) => each.channel === 'state');
    expect(channel?.sctpStreamParameters).toMatchObject({ ordered: true });
    expect(channel?.sctpStreamParameters).not.toHaveProperty('maxPacketLifeTime');

    const received = await tapServerChannel(server, room, 'state');
    for (let n = 2; n <= 50; n += 1) await set(owner, data('home', n));
    const isChange = (message: unknown) => Object.hasOwn(message as object, 'entry');
    await waitUntil('all changes arrive', () => received.filter(isChange).length === 49);
    expect(received.filter(isChange)).toEqual(
      Array.from({ length: 49 }, (_, i) => ({
        stateId: joined.overlay.state.stateId,
        rev: i + 2,
        entry: { ...data('home', i + 2), from: 'page' },
      })),
    );
    // The last revision is announced again, for viewers that have lost the change.
    const announcement = { stateId: joined.overlay.state.stateId, rev: 50 };
    const announced = () =>
      received.filter((message) => JSON.stringify(message) === JSON.stringify(announcement));
    await waitUntil('the revision is announced again', () => announced().length >= 3);
  });

  it('viewers on both workers of a room receive the same changes', async () => {
    // Every worker counts as busy, so that the room spreads from the second viewer on.
    const spread = {
      workerBusyShare: 0,
      spreadGainShare: 0,
      stateReannounceMinMs: 20,
      stateReannounceMaxMs: 80,
    };
    await using both = await InProcessServer.start({ workers: 2, limits: spread });
    const room = 'spread';
    const owner = await both.connect();
    await broadcast(owner, room);
    const viewers = await both.connectMany(4);
    const ports = new Set<number | undefined>();
    for (const viewer of viewers) {
      ports.add((await join(viewer, room)).transport.iceCandidates[0]?.port);
    }
    expect(ports.size).toBe(2);
    await set(owner, data('home', 1));
    for (const viewer of viewers) {
      await viewer.waitForPush('broadcastChanged', ({ media }) =>
        media.data.some(({ channel }) => channel === 'state'),
      );
    }
    const received = await Promise.all([
      tapServerChannel(both, room, 'state'),
      tapServerChannel(both, room, 'state', 1),
    ]);
    // The pipe between the workers is up when something has arrived through it.
    await waitUntil('both channels are open', () =>
      received.every((messages) => messages.length > 0),
    );
    for (let n = 2; n <= 20; n += 1) await set(owner, data('home', n));
    const revs = (messages: readonly unknown[]) =>
      (messages as StateChange[]).filter(({ entry }) => entry).map(({ rev }) => rev);
    const expected = Array.from({ length: 19 }, (_, i) => i + 2);
    await waitUntil('all changes arrive', () => received.every((list) => revs(list).length === 19));
    expect(received.map(revs)).toEqual([expected, expected]);
  });

  it('after a worker dies, a viewer that renews has the whole state and receives the next change', async () => {
    const room = newRoom();
    const [owner, viewer] = await server.connectMany(2);
    const claimed = await broadcast(owner, room);
    const { overlay, transport } = await join(viewer, room);
    await set(owner, data('home', 1));
    await viewer.waitForPush('broadcastChanged', (push) => push.overlay !== null);
    server.killWorker();
    await owner.waitForPush(
      'transportGone',
      ({ transportId }) => transportId === claimed.transport.id,
    );
    await viewer.waitForPush('transportGone', ({ transportId }) => transportId === transport.id);
    const renewed = await owner.request('renewTransport');
    await produceVideo(owner, renewed.transport.id);
    const viewed = await viewer.request('renewTransport');
    expect(viewed.overlay && held(viewed.overlay.state)).toHaveProperty('page home');
    await set(owner, data('home', 2));
    const received = await tapServerChannel(server, room, 'state');
    await set(owner, data('home', 3));
    await waitUntil('the change arrives', () =>
      received.some((message) => (message as { rev: number }).rev === 3),
    );
    expect((await viewer.request('stateSnapshot')).stateId).toBe(overlay.state.stateId);
  });
});

describe('STATE-3 who owns state, and how long the server keeps it', () => {
  it('a reloaded page lists its keys again, and the server deletes keys that it does not list', async () => {
    const room = newRoom();
    const [first, second, viewer] = await server.connectMany(3);
    const { publisherSecret } = await broadcast(first, room);
    await set(first, data('kept', 1), data('old', 1));
    await broadcast(second, room, publisherSecret);
    const { overlay } = await join(viewer, room);
    expect(Object.keys(held(overlay.state))).toEqual(['page kept', 'page old']);
    await second.request('setState', {
      keys: [
        ['match', 'kept'],
        ['match', 'new'],
      ],
      messages: [data('kept', 1), data('new', 1)],
    });
    const after = await viewer.request('stateSnapshot');
    expect(Object.keys(held(after))).toEqual(['page kept', 'page new']);
    // The unchanged key is not a change.
    expect(after.rev).toBe(overlay.state.rev + 2);
  });

  it('the end of a broadcast deletes the page’s keys', async () => {
    const room = newRoom();
    const [owner, viewer] = await server.connectMany(2);
    const { epoch } = await broadcast(owner, room);
    await join(viewer, room);
    await set(owner, data('home', 1));
    await owner.request('endBroadcast', { epoch });
    await viewer.waitForPush('roomChanged', ({ status }) => status === 'ended');
    expect((await viewer.request('stateSnapshot')).entries).toEqual([]);
  });
});
