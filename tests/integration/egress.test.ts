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

/** A consumer's other end: everything that arrives, as it arrives. */
class Ear implements AsyncDisposable {
  readonly packets: Buffer[] = [];
  readonly #socket: Socket;

  static async open(): Promise<Ear> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Ear(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (packet) => {
      // RTCP and the worker's bandwidth probes have types of their own.
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

/** VP8 that begins a key frame (RFC 7741) and is otherwise filled by its number. */
function rtp(number: number, bytes: number): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + bytes, number * 7 + 1);
  packet.set([0x80, PAYLOAD_TYPE]);
  packet.writeUInt16BE(number, 2);
  packet.writeUInt32BE(number * 3_000, 4);
  packet.writeUInt32BE(1_111, 8);
  packet.set([0x10, 0x00], HEADER_BYTES);
  return packet;
}

/** What follows the header and the extensions that the worker may have put in. */
function payloadOf(packet: Buffer): Buffer {
  const extended = ((packet[0] ?? 0) & 0x10) !== 0;
  return packet.subarray(
    extended ? HEADER_BYTES + 4 + packet.readUInt16BE(HEADER_BYTES + 2) * 4 : HEADER_BYTES,
  );
}

async function plain(router: types.Router): Promise<types.PlainTransport> {
  return router.createPlainTransport({
    listenInfo: { protocol: 'udp', ip: '127.0.0.1' },
    rtcpMux: true,
    comedia: false,
  });
}

describe.skipIf(chosen.state !== 'on')('EGRESS-1 batched sending in a real worker', () => {
  it('brings every packet to every consumer, in order and byte for byte', async () => {
    await using server = await InProcessServer.start({ env: AUTO });
    const [seat] = server.app.pool.workers;
    if (!seat) throw new Error('no worker');
    const router = await seat.worker.createRouter({ mediaCodecs: ROUTER_CODECS });
    const source = await plain(router);
    await using publisher = await Ear.open();
    await source.connect({ ip: '127.0.0.1', port: publisher.port });
    const producer = await source.produce({
      kind: 'video',
      rtpParameters: {
        codecs: [{ mimeType: 'video/VP8', clockRate: 90_000, payloadType: PAYLOAD_TYPE }],
        encodings: [{ ssrc: 1_111 }],
      },
    });
    await using ears = new AsyncDisposableStack();
    const viewers: Ear[] = [];
    for (let i = 0; i < 20; i += 1) {
      const transport = await plain(router);
      const ear = ears.use(await Ear.open());
      await transport.connect({ ip: '127.0.0.1', port: ear.port });
      await transport.consume({
        producerId: producer.id,
        rtpCapabilities: router.rtpCapabilities,
      });
      viewers.push(ear);
    }
    // Bursts as a camera sends them: equal sizes, sizes that differ by a byte, small and large ones.
    const sizes = [1_150, 1_150, 1_150, 1_151, 1_151, 900, 40, 40, 40, 1_150, 3, 1_150];
    let number = 100;
    for (let frame = 0; frame < 30; frame += 1) {
      const burst = sizes.map((bytes) => rtp((number += 1), bytes));
      await Promise.all(burst.map((packet) => publisher.send(packet, source.tuple.localPort)));
      await waitUntil('the burst is with everybody', () =>
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
    // It was gathered, by this very worker.
    expect(
      await server.metric('onecast_egress_datagrams_total{worker="0",way="segmented"}'),
    ).toBeGreaterThan(0);
    expect(await server.metric('onecast_egress_lost_total{worker="0"}')).toBe(0);
  });

  it('is on in a worker that replaces another', async () => {
    await using server = await InProcessServer.start({ env: AUTO });
    const [first] = server.app.pool.workers;
    if (!first) throw new Error('no worker');
    expect(first.egress).toBeDefined();
    process.kill(first.worker.pid, 'SIGKILL');
    await waitUntil('the worker is replaced', () => {
      const [now] = server.app.pool.workers;
      return now !== undefined && now.worker.pid !== first.worker.pid;
    });
    expect(server.app.pool.workers[0]?.egress?.read()).toMatchObject({ lost: 0, refused: 0 });
  });
});

describe('EGRESS-5 whether sending is batched is told', () => {
  const state = async (server: InProcessServer) => {
    const states = ['on', 'off', 'unsupported'];
    const values = await Promise.all(
      states.map((name) => server.metric(`onecast_egress_batching{state="${name}"}`)),
    );
    return states.filter((_, i) => values[i] === 1);
  };

  it.skipIf(chosen.state !== 'on')('on where it works', async () => {
    await using server = await InProcessServer.start({ env: AUTO });
    expect(await state(server)).toEqual(['on']);
  });

  it('off where that is configured', async () => {
    await using server = await InProcessServer.start({ env: { MEDIA_EGRESS_BATCHING: 'off' } });
    expect(await state(server)).toEqual(['off']);
    expect(server.app.pool.workers[0]?.egress).toBeUndefined();
  });

  it('unsupported where there is no library, and workers run without', async () => {
    await using server = await InProcessServer.start({
      env: { ...AUTO, MEDIA_EGRESS_LIBRARY: '' },
    });
    expect(await state(server)).toEqual(['unsupported']);
    expect(server.app.pool.ready).toBe(true);
  });

  it.skipIf(process.platform !== 'linux').each([
    [{ MEDIA_EGRESS_LIBRARY: import.meta.filename }, 'cannot be preloaded'],
    [{ MEDIASOUP_WORKER_BIN: '' }, 'MEDIASOUP_WORKER_BIN: is not set'],
    // A library, but not ours.
    [{ MEDIA_EGRESS_LIBRARY: 'libm.so.6' }, 'the worker does not load it'],
  ])('unsupported with the reason where the worker would not have it: %j', async (env, reason) => {
    const library = { MEDIA_EGRESS_LIBRARY: '/nowhere/egress.so' };
    for (const [name, value] of Object.entries({ ...library, ...env })) vi.stubEnv(name, value);
    expect(await chooseEgress(readConfig({ ...AUTO, ...library, ...env }), LIMITS)).toEqual({
      state: 'unsupported',
      reason: expect.stringContaining(reason),
    });
  });
});
