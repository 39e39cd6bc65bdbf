import { beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import {
  broadcast,
  claim,
  connectTransport,
  join,
  PROTOCOL,
  produceVideo,
  resume,
} from '#testkit/signalling/requests.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const server = sharedServer();
const newRoom = () => server.newRoom();
let pid: number;

beforeAll(() => {
  ({ pid } = server.worker().worker);
});

/** Expects that the same worker still answers and can carry a whole broadcast. */
async function expectUnharmed(): Promise<void> {
  const { worker } = server.worker();
  expect(worker.pid).toBe(pid);
  await worker.getResourceUsage();
  const room = newRoom();
  const [owner, viewer] = await server.connectMany(2);
  await broadcast(owner, room);
  expect((await join(viewer, room)).media.consumers).toHaveLength(1);
  await Promise.all([owner.request('leave'), viewer.request('leave')]);
  owner.close();
  viewer.close();
}

const UUID = '00000000-0000-4000-8000-000000000000';
/** Encodings that break mediasoup itself, and similar ones. */
const ENCODINGS: readonly unknown[] = [
  ...[1.5, 'x', null, -1, 1e30, { valueOf: 1 }, [], true].map((maxBitrate) => [{ maxBitrate }]),
  ...['1', 1.5, -1, 1_000, {}].map((codecPayloadType) => [{ ssrc: 1, codecPayloadType }]),
  [{ scalabilityMode: `L1T3${'9'.repeat(20_000)}` }],
  [{ ssrc: 2 ** 32 }],
  [{ rid: 'r'.repeat(1_000) }],
  [],
  Array.from({ length: 50 }, (_, ssrc) => ({ ssrc })),
  'encodings',
  null,
];
const RTP_PARAMETERS: readonly unknown[] = [
  undefined,
  null,
  7,
  'rtp',
  {},
  { codecs: [] },
  ...ENCODINGS.map((encodings) => ({ ...chromium.simulcastVp8, encodings })),
  {
    ...chromium.simulcastVp8,
    codecs: [
      {
        mimeType: 'video/VP8',
        payloadType: 96,
        clockRate: 90_000,
        parameters: Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`p${i}`, i])),
      },
    ],
  },
  { ...chromium.simulcastVp8, headerExtensions: [{ uri: 'urn:x', id: 4_095 }] },
  {
    ...chromium.simulcastVp8,
    codecs: [{ mimeType: 'video/VP8', payloadType: 1_000, clockRate: 90_000 }],
  },
];

describe('SEC-1 hostile media parameters', () => {
  let owner: SignalClient;
  let transportId: string;

  beforeEach(async () => {
    owner = await server.connect();
    transportId = (await claim(owner, newRoom())).transport.id;
  });

  it('the server refuses hostile rtpParameters', async () => {
    for (const rtpParameters of RTP_PARAMETERS) {
      const code = await owner.errorCode('produce', { transportId, kind: 'video', rtpParameters });
      expect([rtpParameters, code]).toEqual([rtpParameters, 'bad-request']);
    }
    // The same session can still go live.
    await produceVideo(owner, transportId);
    await expectUnharmed();
  });

  it('the server refuses hostile sctpStreamParameters', async () => {
    const good = chromium.sctpStreamParameters;
    for (const sctpStreamParameters of [
      null,
      [],
      { ...good, streamId: 70_000 },
      { ...good, streamId: '0' },
      { ...good, streamId: 0.5 },
      { ...good, ordered: 'no' },
      { ...good, ordered: {} },
      { ...good, maxRetransmits: -1 },
      { ...good, maxRetransmits: { valueOf: 1 } },
    ]) {
      expect(await owner.errorCode('produceData', { transportId, sctpStreamParameters })).toBe(
        'bad-request',
      );
    }
    await expectUnharmed();
  });

  it('the server refuses hostile dtlsParameters', async () => {
    const [fingerprint] = chromium.dtlsParameters.fingerprints;
    for (const dtlsParameters of [
      null,
      {},
      { fingerprints: [] },
      { fingerprints: [{ ...fingerprint, algorithm: 'md5' }] },
      { fingerprints: [{ ...fingerprint, value: 'AA' }] },
      { fingerprints: [{ ...fingerprint, value: { toString: 1 } }] },
      { fingerprints: [fingerprint], role: 'both' },
    ]) {
      expect(await owner.errorCode('connectTransport', { transportId, dtlsParameters })).toBe(
        'bad-request',
      );
    }
    await expectUnharmed();
  });

  it('the server refuses hostile rtpCapabilities', async () => {
    const viewer = await server.connect();
    for (const rtpCapabilities of [
      null,
      'all',
      { codecs: {} },
      { codecs: [{ kind: 'video' }] },
      { codecs: Array.from({ length: 100 }, () => chromium.rtpCapabilities.codecs[0]) },
      { codecs: [{ ...chromium.rtpCapabilities.codecs[0], preferredPayloadType: 1.5 }] },
      { headerExtensions: [{ kind: 'video', uri: 'urn:x', preferredId: {} }] },
    ]) {
      expect(
        await viewer.errorCode('join', { ...PROTOCOL, room: newRoom(), rtpCapabilities }),
      ).toBe('bad-request');
    }
    await expectUnharmed();
  });

  it('the server refuses a video codec for audio', async () => {
    expect(
      await owner.errorCode('produce', {
        transportId,
        kind: 'audio',
        rtpParameters: chromium.simulcastVp8,
      }),
    ).toBe('bad-request');
    await expectUnharmed();
  });

  it('the server refuses well-formed requests that make no sense, and the session survives', async () => {
    const { dtlsParameters } = chromium;
    const video = { transportId, kind: 'video' };
    const h265 = JSON.parse(JSON.stringify(chromium.h264).replaceAll('video/H264', 'video/H265'));
    const refused = [
      await owner.errorCode('produce', { ...video, rtpParameters: h265 }),
      await owner.errorCode('produce', { ...video, rtpParameters: chromium.svcVp9 }),
    ];
    await connectTransport(owner, transportId);
    refused.push(await owner.errorCode('connectTransport', { transportId, dtlsParameters }));
    await produceVideo(owner, transportId);
    // The same media section a second time.
    refused.push(
      await owner.errorCode('produce', { ...video, rtpParameters: chromium.simulcastVp8 }),
    );
    // For the last two mediasoup does not report whose fault it was; an honest page tries again.
    expect(refused).toEqual(['bad-request', 'bad-request', 'internal', 'internal']);
    expect(await owner.errorCode('restartIce', { transportId })).toBeUndefined();
    await expectUnharmed();
  });
});

describe('SEC-4 bad requests', () => {
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a string', 'join'],
    ['a list', []],
    ['an empty object', {}],
    ['no requestId', { ...PROTOCOL, room: 'main' }],
    ['an endless requestId', { ...PROTOCOL, requestId: 'x'.repeat(37), room: 'main' }],
    ['an object for a room', { ...PROTOCOL, requestId: 'a', room: { $ne: null } }],
    ['a path for a room', { ...PROTOCOL, requestId: 'a', room: '../../etc' }],
    ['a field too many', { ...PROTOCOL, requestId: 'a', room: 'main', admin: true }],
    ['__proto__', JSON.parse('{"requestId":"a","protocol":1,"room":"main","__proto__":{"a":1}}')],
  ])('the server refuses a payload: %s', async (_what, payload) => {
    const client = await server.connect();
    for (const name of ['publish', 'join', 'resume', 'produce', 'leave', 'endBroadcast']) {
      const ack = await client.raw(name, payload);
      const bare = name === 'publish' && _what === '__proto__';
      expect(ack).toMatchObject(bare ? {} : { ok: false, code: 'bad-request' });
    }
    expect(client.connected).toBe(true);
    client.close();
  });

  it('the server survives nesting as deep as a message can hold', async () => {
    const client = await server.connect();
    const levels = 10_000;
    client.writePacket(`42900["join",${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}]`);
    client.writePacket(`42901["publish",${'['.repeat(levels)}${']'.repeat(levels)}]`);
    expect(await client.errorCode('renewTransport')).toBe('session-gone');
    await expectUnharmed();
  });

  it('the server refuses another version of the protocol', async () => {
    const client = await server.connect();
    expect(await client.errorCode('publish', { protocol: 99, room: newRoom() })).toBe(
      'protocol-mismatch',
    );
  });

  it('the server refuses requests without a session', async () => {
    const client = await server.connect();
    expect(await client.errorCode('renewTransport')).toBe('session-gone');
    expect(
      await client.errorCode('produce', {
        transportId: UUID,
        kind: 'video',
        rtpParameters: chromium.simulcastVp8,
      }),
    ).toBe('session-gone');
  });

  it('a viewer can’t act as a publisher, nor a publisher as a viewer', async () => {
    const room = newRoom();
    const [owner, viewer] = await server.connectMany(2);
    const { epoch } = await broadcast(owner, room);
    const { transport } = await join(viewer, room);
    expect(await viewer.errorCode('endBroadcast', { epoch })).toBe('not-allowed');
    expect(await viewer.errorCode('closeProducer', { producerId: UUID })).toBe('not-allowed');
    expect(
      await viewer.errorCode('produce', {
        transportId: transport.id,
        kind: 'video',
        rtpParameters: chromium.simulcastVp8,
      }),
    ).toBe('not-allowed');
    expect(await owner.errorCode('renewConsumers')).toBe('not-allowed');
    expect(await owner.errorCode('resumeConsumers', { consumerIds: [] })).toBe('not-allowed');
    expect((await join(await server.connect(), room)).room.status).toBe('live');
  });

  it('SEC-3 ids of another page’s transport, producer and consumers have no effect', async () => {
    const [room, other] = [newRoom(), newRoom()];
    const [owner, viewer, stranger, watcher] = await server.connectMany(4);
    const { transport } = await broadcast(owner, room);
    const joined = await join(viewer, room);
    await broadcast(stranger, other);
    await join(watcher, other);
    const [consumer] = joined.media.consumers;
    for (const client of [stranger, watcher]) {
      for (const transportId of [transport.id, joined.transport.id, UUID]) {
        expect(await client.errorCode('restartIce', { transportId })).toBe('transport-gone');
      }
    }
    await stranger.request('closeProducer', { producerId: consumer?.producerId });
    await watcher.request('resumeConsumers', { consumerIds: [consumer?.id] });
    const again = await viewer.request('renewConsumers');
    expect(again.consumers[0]?.producerId).toBe(consumer?.producerId);
    expect(viewer.pushes('transportGone')).toEqual([]);
  });

  it('only the right secret resumes a session, however many sockets try', async () => {
    const viewer = await server.connect();
    const { session } = await join(viewer, newRoom());
    const thieves = await server.connectMany(20);
    for (const thief of thieves) {
      const resumeSecret = 'A'.repeat(43);
      expect(await thief.errorCode('resume', { ...PROTOCOL, ...session, resumeSecret })).toBe(
        'session-gone',
      );
    }
    expect(await viewer.errorCode('requestKeyFrame')).toBeUndefined();
    await resume(await server.connect(), session);
  });
});

describe('SEC-5 SEC-4 the socket itself', () => {
  it('SEC-5 the server refuses pages of another origin, but not its own', async () => {
    await expect(
      SignalClient.connect(server.url, { origin: 'https://evil.example' }),
    ).rejects.toThrow('websocket error');
    await expect(SignalClient.connect(server.url, { origin: 'null' })).rejects.toThrow(
      'websocket error',
    );
    const own = await SignalClient.connect(server.url, { origin: server.url });
    expect(own.connected).toBe(true);
    own.close();
  });

  it('SEC-4 a message over 64 KiB closes the sender’s socket only', async () => {
    const [sender, bystander] = await server.connectMany(2);
    await join(bystander, newRoom());
    const fits = 'x'.repeat(server.limits.signalMaxBytes - 1_024);
    expect(await sender.raw('join', fits)).toMatchObject({ ok: false, code: 'bad-request' });
    const ack = sender.raw('join', 'x'.repeat(server.limits.signalMaxBytes + 1));
    await expect(ack).rejects.toThrow('disconnected');
    await waitUntil('the socket is closed', () => !sender.connected);
    expect(await bystander.errorCode('requestKeyFrame')).toBeUndefined();
  });

  it('SEC-4 the server does not offer polling', async () => {
    const response = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`);
    expect(response.status).toBe(400);
  });
});
