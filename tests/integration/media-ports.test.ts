/** What strangers and hostile viewers can do on the media ports of a real worker. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { types } from 'mediasoup';
import { chooseEgress } from '#backend/media/workers/egress.ts';
import { watchPacketSize } from '#backend/media/watch/packet-size.ts';
import { RETRANSMISSION_TYPES } from '#backend/media/workers/worker-process.ts';
import { readConfig } from '#config/env.ts';
import { LIMITS } from '#config/limits.ts';
import { ROUTER_CODECS } from '#config/media.ts';
import { bindingRequest, framed, stunType } from '#testkit/media/stun.ts';
import { residentBytes } from '#testkit/processes.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { broadcast, join } from '#testkit/signalling/requests.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const { library } = await chooseEgress(readConfig(process.env), LIMITS);
if (library === undefined) console.log('the media ports are not tested: there is no library');

/** The library's UNPROVED_PER_ADDRESS_MAX and RETRANSMISSION_BURST_BYTES. */
const UNPROVED_PER_ADDRESS_MAX = 64;
const BURST_BYTES = 256 * 1024;

/** Both with batched sending and without: the protection is the same. */
const MODES = ['auto', 'off'] as const;

describe.skipIf(library === undefined).each(MODES)('media ports, batching %s', (batching) => {
  let server: InProcessServer;
  beforeAll(async () => {
    vi.stubEnv('EGRESS_UNPROVED_MS', '1000');
    server = await InProcessServer.start({ env: { MEDIA_EGRESS_BATCHING: batching } });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    vi.unstubAllEnvs();
  });

  const refused = (reason: string) =>
    server.metric(`onecast_media_port_refused_total{worker="0",reason="${reason}"}`);

  it('EGRESS-7 2,000 idle TCP connections with half a frame are refused or cut', async () => {
    const { pid } = server.worker().worker;
    const before = residentBytes(pid);
    const refusedBefore = await refused('connection');
    const half = Buffer.alloc(60_000, 0x80);
    half.writeUInt16BE(0xff_ff);
    // A DTLS record, which may be longer than RTP, and which a stranger's connection may begin.
    const shorter = Buffer.alloc(8_000, 22);
    shorter.writeUInt16BE(16_000);
    let ended = 0;
    let open = 0;
    const connections: Socket[] = [];
    for (let i = 0; i < 2_000; i += 1) {
      const connection = connect(server.mediaPort, '127.0.0.1');
      connections.push(connection);
      connection.on('error', () => undefined).on('close', () => (ended += 1));
      await once(connection, 'connect');
      connection.write(i % 2 === 0 ? half : shorter);
      open = Math.max(open, i + 1 - ended);
    }
    await waitUntil('every connection has ended', () => ended === 2_000);
    expect(await refused('connection')).toBeGreaterThan(refusedBefore + 1_000);
    expect(residentBytes(pid) - before).toBeLessThan(20 * 1024 * 1024);
  });

  it('EGRESS-7 a connection with a valid check stays, whatever strangers do meanwhile', async () => {
    const viewer = await server.connect();
    const { transport } = await join(viewer, server.newRoom());
    const connection = connect(server.mediaPort, '127.0.0.1');
    await once(connection, 'connect');
    connection.write(framed(bindingRequest(transport.iceParameters)));
    const [answer] = (await once(connection, 'data')) as [Buffer];
    expect(stunType(answer.subarray(2))).toBe(0x0101);
    const strangers = Array.from({ length: UNPROVED_PER_ADDRESS_MAX * 2 }, () =>
      connect(server.mediaPort, '127.0.0.1').on('error', () => undefined),
    );
    await Promise.all(
      strangers.map(async (stranger) => {
        if (!stranger.closed) await once(stranger, 'close');
      }),
    );
    connection.write(framed(bindingRequest(transport.iceParameters)));
    const [second] = (await once(connection, 'data')) as [Buffer];
    expect(stunType(second.subarray(2))).toBe(0x0101);
    connection.destroy();
  });

  describe.each(['video', 'video without RTX', 'audio'] as const)('EGRESS-6 %s', (kind) => {
    it('NACKs without end get a burst, and no more than what is sent anyway', async () => {
      await using stream = await Stream.start(server.worker().worker, kind);
      const before = await refused('retransmission');
      const packets = 300;
      await stream.publish(packets);
      const first = stream.bytes;
      await waitUntil('twice as much is requested as it gets', async () => {
        await stream.requestAll();
        return (await refused('retransmission')) > before + packets;
      });
      expect(stream.bytes - first).toBeGreaterThan(BURST_BYTES / 2);
      expect(stream.bytes - first).toBeLessThanOrEqual(BURST_BYTES + first);
      // Video goes on, and a viewer that lost a few packets gets them.
      await stream.publish(100);
      const later = stream.bytes;
      await waitUntil('what the new packets have earned arrives', async () => {
        await stream.requestAll();
        return stream.bytes > later + 50_000;
      });
    });
  });

  it('EGRESS-6 the library knows the payload types of retransmissions', async () => {
    const router = await server.worker().worker.createRouter({ mediaCodecs: ROUTER_CODECS });
    const codecs = router.rtpCapabilities.codecs ?? [];
    const rtx = codecs.filter(({ mimeType }) => mimeType === 'video/rtx');
    expect(rtx.map(({ preferredPayloadType }) => preferredPayloadType)).toEqual(
      RETRANSMISSION_TYPES,
    );
    router.close();
  });

  it('EGRESS-8 RTP packets of 60 KB do not reach the worker', async () => {
    const { worker } = server.worker();
    await using stream = await Stream.start(worker, 'video');
    await stream.publish(1);
    const before = await refused('oversize');
    for (let sent = 1; sent <= 5; sent += 1) {
      await stream.send(60_000);
      await waitUntil('it is dropped', async () => (await refused('oversize')) === before + sent);
    }
    // A usual packet still arrives, and nothing else did.
    await stream.send();
    await waitUntil('it arrives', () => stream.received > 1);
    expect(stream.received).toBe(2);
  });
});

describe('without the library', () => {
  it('EGRESS-5 the server reports that the media ports are not protected', async () => {
    const logRecords: string[] = [];
    await using server = await InProcessServer.start({
      env: { MEDIA_EGRESS_LIBRARY: 'none', LOG_LEVEL: 'warn' },
      logRecords,
    });
    expect(await server.metric('onecast_media_port_protected{worker="0"}')).toBe(0);
    expect(logRecords.join('')).toContain('media ports are not protected');
    await broadcast(await server.connect(), 'room-a');
  });

  it('LIMIT-8 a producer of packets of 60 KB is found by its stats', async () => {
    await using server = await InProcessServer.start({ env: { MEDIA_EGRESS_LIBRARY: 'none' } });
    const { worker } = server.worker();
    await using usual = await Stream.start(worker, 'video');
    await using large = await Stream.start(worker, 'video');
    const found: string[] = [];
    const limits = { ...LIMITS, bitrateCheckMs: 50 };
    watchPacketSize(usual.producer, limits, () => found.push('usual'));
    watchPacketSize(large.producer, limits, () => found.push('large'));
    await usual.publish(50);
    await large.publish(50);
    await waitUntil('it is found', async () => {
      await usual.send();
      await large.send(60_000);
      return found.length > 0;
    });
    expect(found).toEqual(['large']);
  });
});

const SSRC = 0x0c_a5;
const PACKET_BYTES = 1_200;
type Kind = 'video' | 'video without RTX' | 'audio';

/** One stream through a router of its own, from a socket to another one that claims to have lost it. */
class Stream implements AsyncDisposable {
  readonly producer: types.Producer;
  readonly #router: types.Router;
  readonly #socket: UdpSocket;
  readonly #from: types.PlainTransport;
  readonly #to: types.PlainTransport;
  readonly #type: number;
  readonly #sequences: number[] = [];
  #ssrc = 0;
  #sequence = 0;
  #report: Buffer | undefined;
  received = 0;
  bytes = 0;

  static async start(worker: types.Worker, kind: Kind): Promise<Stream> {
    const router = await worker.createRouter({ mediaCodecs: ROUTER_CODECS });
    const listenInfo = { protocol: 'udp', ip: '127.0.0.1' } as const;
    const from = await router.createPlainTransport({ listenInfo, comedia: true });
    const to = await router.createPlainTransport({ listenInfo });
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    await to.connect({ ip: '127.0.0.1', port: socket.address().port });
    const video = kind !== 'audio';
    const codec = ROUTER_CODECS[video ? 1 : 0];
    if (!codec) throw new Error('there are two codecs');
    const payloadType = codec.preferredPayloadType ?? 0;
    const producer = await from.produce({
      kind: video ? 'video' : 'audio',
      rtpParameters: {
        codecs: [{ ...codec, payloadType, rtcpFeedback: [{ type: 'nack' }] }],
        encodings: [{ ssrc: SSRC }],
      },
    });
    const { codecs = [], ...capabilities } = router.rtpCapabilities;
    const consumer = await to.consume({
      producerId: producer.id,
      rtpCapabilities: {
        ...capabilities,
        codecs: codecs.filter(({ mimeType }) => kind === 'video' || mimeType !== 'video/rtx'),
      },
      // mediasoup resends audio only if asked to.
      enableRtx: true,
    });
    const hasRtx = consumer.rtpParameters.encodings?.[0]?.rtx !== undefined;
    if (hasRtx !== (kind === 'video')) throw new Error(`${kind}: a consumer with other streams`);
    return new Stream(router, socket, from, to, producer, consumer);
  }

  private constructor(
    router: types.Router,
    socket: UdpSocket,
    from: types.PlainTransport,
    to: types.PlainTransport,
    producer: types.Producer,
    consumer: types.Consumer,
  ) {
    this.producer = producer;
    this.#router = router;
    this.#socket = socket;
    this.#from = from;
    this.#to = to;
    this.#type = producer.rtpParameters.codecs[0]?.payloadType ?? 0;
    this.#ssrc = consumer.rtpParameters.encodings?.[0]?.ssrc ?? 0;
    socket.on('message', (packet) => this.#receive(packet));
  }

  /** Sends one packet of this size (bytes) without waiting for it. */
  async send(size = PACKET_BYTES): Promise<void> {
    this.#sequence += 1;
    const packet = Buffer.alloc(size);
    packet.set([0x80, this.#type]);
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(1_000, 4);
    packet.writeUInt32BE(SSRC, 8);
    // The start of a VP8 key frame.
    packet.set([0x10, 0x00], 12);
    await this.#write(packet, this.#from.tuple.localPort);
  }

  /** Sends packets, and waits until they have arrived. */
  async publish(count: number): Promise<void> {
    const expected = this.received + count;
    while (this.received < expected) {
      const next = Math.min(expected, this.received + 20);
      while (this.#sequence < next) await this.send();
      await waitUntil('the packets arrive', () => this.received >= next);
    }
  }

  /** Claims to have received nothing, and that the round trip takes no time. */
  async requestAll(): Promise<void> {
    if (this.#report) await this.#write(this.#report, this.#to.tuple.localPort);
    for (let at = 0; at < this.#sequences.length; at += 17) {
      const nack = Buffer.alloc(16);
      nack.set([0x81, 205, 0, 3]);
      nack.writeUInt32BE(1, 4);
      nack.writeUInt32BE(this.#ssrc, 8);
      nack.writeUInt16BE(this.#sequences[at] ?? 0, 12);
      nack.writeUInt16BE(0xff_ff, 14);
      await this.#write(nack, this.#to.tuple.localPort);
    }
    // The worker handles them in this order, and what it sends is there when it has answered.
    await this.#to.getStats();
  }

  #receive(packet: Buffer): void {
    const [, second = 0] = packet;
    if (second === 200) this.#report = receiverReport(packet, this.#ssrc);
    if (second >= 192 && second <= 223) return;
    this.bytes += packet.length;
    if (packet.readUInt32BE(8) !== this.#ssrc) return;
    const sequence = packet.readUInt16BE(2);
    if (this.#sequences.includes(sequence)) return;
    this.#sequences.push(sequence);
    this.received += 1;
  }

  async #write(packet: Buffer, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(packet, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#router.close();
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

/** The answer to a sender report that makes the round trip as short as possible. */
function receiverReport(senderReport: Buffer, ssrc: number): Buffer {
  const report = Buffer.alloc(32);
  report.set([0x81, 201, 0, 7]);
  report.writeUInt32BE(1, 4);
  report.writeUInt32BE(ssrc, 8);
  // LSR: the middle of the NTP timestamp, as if the report had just come.
  senderReport.copy(report, 24, 10, 14);
  return report;
}
