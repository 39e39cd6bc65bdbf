import { describe, expect, it } from 'vitest';
import {
  broadcast,
  claim,
  join,
  produceAudio,
  produceOverlay,
  produceVideo,
} from '#testkit/signalling/requests.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const server = sharedServer();

describe('the sources of a broadcast', () => {
  it('SRC-1 a publisher without video is live, and viewers get audio and overlay', async () => {
    const room = server.newRoom();
    const [owner, viewer] = await server.connectMany(2);
    const { transport } = await claim(owner, room);
    await produceOverlay(owner, transport.id);
    await produceAudio(owner, transport.id);
    expect((await join(viewer, room)).room).toMatchObject({ status: 'open', audio: 'off' });
    await owner.request('setSources', { video: 'off', audio: 'on' });
    const { media } = await viewer.waitForPush('broadcastChanged');
    expect(media.consumers.map(({ kind }) => kind)).toEqual(['audio']);
    expect(media.data.map(({ channel }) => channel)).toEqual(['page']);
    const late = await join(await server.connect(), room);
    expect(late.room).toMatchObject({ status: 'live', epoch: 1, video: 'off', audio: 'on' });
    expect(late.media.consumers.map(({ kind }) => kind)).toEqual(['audio']);

    await produceVideo(owner, transport.id);
    const changed = await viewer.waitForPush(
      'broadcastChanged',
      (push) => push.media.consumers.length === 2,
    );
    // A producer counts only as what the page states.
    expect(changed.room).toMatchObject({ status: 'live', video: 'off' });
    await owner.request('setSources', { video: 'on', audio: 'on' });
    await viewer.waitForPush('roomChanged', ({ video }) => video === 'on');
  });

  it('SRC-1 a new transport without video is live again with what there is', async () => {
    const room = server.newRoom();
    const [owner, viewer] = await server.connectMany(2);
    await broadcast(owner, room);
    await join(viewer, room);
    const { transport } = await owner.request('renewTransport');
    // Until the new transport is set up, the last known state holds.
    expect((await join(await server.connect(), room)).room).toMatchObject({ video: 'on' });
    await produceAudio(owner, transport.id);
    await owner.request('setSources', { video: 'off', audio: 'on' });
    await viewer.waitForPush(
      'roomChanged',
      ({ status, video, audio }) => status === 'live' && video === 'off' && audio === 'on',
    );
    const { room: view, media } = await join(await server.connect(), room);
    expect(view).toMatchObject({ status: 'live', video: 'off', audio: 'on' });
    expect(media.consumers.map(({ kind }) => kind)).toEqual(['audio']);
  });

  it('SRC-2 everybody learns that a source is muted; many changes are few pushes', async () => {
    const room = server.newRoom();
    const [owner, viewer] = await server.connectMany(2);
    await broadcast(owner, room);
    expect((await join(viewer, room)).room).toMatchObject({ video: 'on', audio: 'off' });
    const before = viewer.pushes('roomChanged').length;
    for (let i = 0; i < 20; i += 1) {
      await owner.request('setSources', { video: i % 2 === 0 ? 'on' : 'muted', audio: 'on' });
    }
    // Audio without a producer is off, whatever the page states.
    await viewer.waitForPush(
      'roomChanged',
      ({ video, audio }) => video === 'muted' && audio === 'off',
    );
    const pushes = viewer.pushes('roomChanged').length - before;
    expect(pushes).toBeLessThan(10);
    await waitUntil('the publisher knows too', () =>
      owner.pushes('roomChanged').some(({ video }) => video === 'muted'),
    );
  });

  it('SRC-2 only the publisher states its sources', async () => {
    const room = server.newRoom();
    const [owner, viewer] = await server.connectMany(2);
    const { publisherSecret } = await broadcast(owner, room);
    await join(viewer, room);
    const muted = { video: 'muted', audio: 'off' };
    expect(await viewer.errorCode('setSources', muted)).toBe('not-allowed');
    expect(await (await server.connect()).errorCode('setSources', muted)).toBe('session-gone');
    expect(await owner.errorCode('setSources', { video: 'gone', audio: 'off' })).toBe(
      'bad-request',
    );
    await broadcast(await server.connect(), room, publisherSecret);
    await owner.waitForPush('superseded');
    expect(await owner.errorCode('setSources', muted)).toBe('superseded');
    expect((await join(await server.connect(), room)).room).toMatchObject({ video: 'on' });
  });
});
