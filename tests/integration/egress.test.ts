import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { types } from 'mediasoup';
import { chooseEgress } from '#backend/media/workers/egress.ts';
import { readConfig } from '#config/env.ts';
import { LIMITS } from '#config/limits.ts';
import { ROUTER_CODECS } from '#config/media.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const AUTO = { MEDIA_EGRESS_BATCHING: 'auto' } as const;
const chosen = await chooseEgress(readConfig({ ...process.env, ...AUTO }), LIMITS);
if (chosen.state === 'unsupported') {
  console.log(`batched sending is not tested with a worker: ${chosen.reason}`);
}

afterEach(() => vi.unstubAllEnvs());

const PAYLOAD_TYPE = 101;
const HEADER_BYTES = 12;

/** Receives the packets of one consumer. */
class PacketReceiver implements AsyncDisposable {
  readonly packets: Buffer[] = [];
  readonly #socket: Socket;

  static async open(): Promise<PacketReceiver> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new PacketReceiver(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (packet) => {
      // RTCP and the worker's bandwidth probes have other payload types.
      if (((packet[1] ?? 0) & 0x7f) === PAYLOAD_TYPE) this.packets.push(packet);
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async send(packet: Buffer, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(packet, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

/** A packet that begins a VP8 key frame (RFC 7741); its number fills the rest. */
function rtp(number: number, bytes: number): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + bytes, number * 7 + 1);
  packet.set([0x80, PAYLOAD_TYPE]);
  packet.writeUInt16BE(number, 2);
  packet.writeUInt32BE(number * 3_000, 4);
  packet.writeUInt32BE(1_111, 8);
  packet.set([0x10, 0x00], HEADER_BYTES);
  return packet;
}

/** The payload without the header and the extensions that the worker may have added. */
function payloadOf(packet: Buffer): Buffer {
  const extended = ((packet[0] ?? 0) & 0x10) !== 0;
  return packet.subarray(
    extended ? HEADER_BYTES + 4 + packet.readUInt16BE(HEADER_BYTES + 2) * 4 : HEADER_BYTES,
  );
}

async function plainTransport(router: types.Router): Promise<types.PlainTransport> {
  return router.createPlainTransport({
    listenInfo: { protocol: 'udp', ip: '127.0.0.1' },
    rtcpMux: true,
    comedia: false,
  });
}

describe.skipIf(chosen.state !== 'on')('EGRESS-1 batched sending in a real worker', () => {
  it('every packet arrives at every consumer, in order and byte for byte', async () => {
    await using server = await InProcessServer.start({ env: AUTO });
    const router = await server.worker().worker.createRouter({ mediaCodecs: ROUTER_CODECS });
    const source = await plainTransport(router);
    await using publisher = await PacketReceiver.open();
    await source.connect({ ip: '127.0.0.1', port: publisher.port });
    const producer = await source.produce({
      kind: 'video',
      rtpParameters: {
        codecs: [{ mimeType: 'video/VP8', clockRate: 90_000, payloadType: PAYLOAD_TYPE }],
        encodings: [{ ssrc: 1_111 }],
      },
    });
    await using receivers = new AsyncDisposableStack();
    const viewers: PacketReceiver[] = [];
    for (let i = 0; i < 20; i += 1) {
      const transport = await plainTransport(router);
      const receiver = receivers.use(await PacketReceiver.open());
      await transport.connect({ ip: '127.0.0.1', port: receiver.port });
      await transport.consume({
        producerId: producer.id,
        rtpCapabilities: router.rtpCapabilities,
      });
      viewers.push(receiver);
    }
    // Bursts like those of a camera: equal sizes, sizes that differ by one byte, small and large ones.
    const sizes = [1_150, 1_150, 1_150, 1_151, 1_151, 900, 40, 40, 40, 1_150, 3, 1_150];
    let number = 100;
    for (let frame = 0; frame < 30; frame += 1) {
      const burst = sizes.map((bytes) => rtp((number += 1), bytes));
      await Promise.all(burst.map((packet) => publisher.send(packet, source.tuple.localPort)));
      await waitUntil('every consumer has the burst', () =>
        viewers.every(({ packets }) => packets.length === (frame + 1) * sizes.length),
      );
    }
    for (const { packets } of viewers) {
      const first = packets[0]?.readUInt16BE(2) ?? 0;
      for (const [i, packet] of packets.entries()) {
        expect(packet.readUInt16BE(2)).toBe((first + i) & 0xffff);
        expect(payloadOf(packet)).toEqual(payloadOf(rtp(101 + i, sizes[i % sizes.length] ?? 0)));
      }
    }
    // This worker did send in batches.
    expect(
      await server.metric('onecast_egress_datagrams_total{worker="0",way="segmented"}'),
    ).toBeGreaterThan(0);
    expect(await server.metric('onecast_egress_lost_total{worker="0"}')).toBe(0);
  });

  it('a worker that replaces another sends in batches as well', async () => {
    await using server = await InProcessServer.start({ env: AUTO });
    expect(server.worker().egress).toBeDefined();
    await server.workerReplaced(server.killWorker());
    expect(server.worker().egress?.read()).toMatchObject({ lost: 0, refused: 0 });
  });
});

describe('EGRESS-5 the metrics report whether sending is batched', () => {
  const state = async (server: InProcessServer) => {
    const states = ['on', 'off', 'unsupported'];
    const values = await Promise.all(
      states.map((name) => server.metric(`onecast_egress_batching{state="${name}"}`)),
    );
    return states.filter((_, i) => values[i] === 1);
  };

  it.skipIf(chosen.state !== 'on')('the state is `on` where batching works', async () => {
    await using server = await InProcessServer.start({ env: AUTO });
    expect(await state(server)).toEqual(['on']);
  });

  it('the state is `off` where the operator has turned batching off', async () => {
    await using server = await InProcessServer.start({ env: { MEDIA_EGRESS_BATCHING: 'off' } });
    expect(await state(server)).toEqual(['off']);
    // The library is loaded all the same, because it protects the media ports.
    expect(server.worker().egress === undefined).toBe(chosen.library === undefined);
    const { segmented = 0, single = 0 } = server.worker().egress?.read() ?? {};
    expect(segmented + single).toBe(0);
  });

  it('the state is `unsupported` without the library, and workers run without it', async () => {
    await using server = await InProcessServer.start({
      env: { ...AUTO, MEDIA_EGRESS_LIBRARY: '' },
    });
    expect(await state(server)).toEqual(['unsupported']);
    expect(server.app.pool.ready).toBe(true);
  });

  it.skipIf(process.platform !== 'linux').each([
    [{ MEDIA_EGRESS_LIBRARY: import.meta.filename }, 'cannot be preloaded'],
    [{ MEDIASOUP_WORKER_BIN: '' }, 'MEDIASOUP_WORKER_BIN: is not set'],
    // A library that is not ours.
    [{ MEDIA_EGRESS_LIBRARY: 'libm.so.6' }, 'the worker does not load it'],
  ])(
    'the state is `unsupported`, with the reason, where the worker can’t load the library: %j',
    async (env, reason) => {
      const library = { MEDIA_EGRESS_LIBRARY: '/nowhere/egress.so' };
      for (const [name, value] of Object.entries({ ...library, ...env })) vi.stubEnv(name, value);
      expect(await chooseEgress(readConfig({ ...AUTO, ...library, ...env }), LIMITS)).toEqual({
        state: 'unsupported',
        library: undefined,
        reason: expect.stringContaining(reason),
      });
    },
  );
});
