/**
 * A video stream of an uninvolved room: numbered VP8 packets from one UDP socket to another, through
 * a router of their own on the worker under attack. Packets that don't arrive were lost by that
 * worker.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { types } from 'mediasoup';
import { ROUTER_CODECS } from '#config/media.ts';
import { waitUntil } from '../wait-until.ts';

const INTERVAL_MS = 10;
const SSRC = 0x0c_a5_7e_55;
const LISTEN_INFO = { protocol: 'udp', ip: '127.0.0.1' } as const;

export class BystanderStream implements AsyncDisposable {
  readonly #router: types.Router;
  readonly #out: Socket;
  readonly #in: Socket;
  readonly #port: number;
  readonly #timer: NodeJS.Timeout;
  readonly #arrived = new Set<number>();
  readonly #lost: number[] = [];
  #checkedUpTo = 0;
  #sent = 0;

  static async start(worker: types.Worker): Promise<BystanderStream> {
    const router = await worker.createRouter({ mediaCodecs: ROUTER_CODECS });
    const from = await router.createPlainTransport({ listenInfo: LISTEN_INFO, comedia: true });
    const to = await router.createPlainTransport({ listenInfo: LISTEN_INFO });
    const receiver = createSocket('udp4');
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    await to.connect({ ip: '127.0.0.1', port: receiver.address().port });
    const producer = await from.produce({
      kind: 'video',
      rtpParameters: {
        codecs: [{ mimeType: 'video/VP8', payloadType: 101, clockRate: 90_000 }],
        encodings: [{ ssrc: SSRC }],
      },
    });
    await to.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
    const stream = new BystanderStream(router, receiver, from.tuple.localPort);
    await waitUntil('the bystander stream runs', () => stream.#arrived.size > 5);
    return stream;
  }

  private constructor(router: types.Router, receiver: Socket, port: number) {
    this.#router = router;
    this.#in = receiver;
    this.#port = port;
    this.#out = createSocket('udp4');
    receiver.on('message', (packet) => {
      const number = numberOf(packet);
      if (number !== undefined) this.#arrived.add(number);
    });
    this.#timer = setInterval(() => this.#send(), INTERVAL_MS);
  }

  get sent(): number {
    return this.#sent;
  }

  /** Numbers of all packets so far that were sent and never arrived. */
  async lost(): Promise<readonly number[]> {
    const upTo = this.#sent;
    // Loopback keeps the order: once later packets have arrived, earlier ones are no longer in flight.
    await waitUntil('the bystander stream goes on', () =>
      [...this.#arrived].some((number) => number > upTo + 5),
    );
    for (; this.#checkedUpTo < upTo; this.#checkedUpTo += 1) {
      const number = this.#checkedUpTo + 1;
      if (!this.#arrived.delete(number)) this.#lost.push(number);
    }
    return this.#lost;
  }

  #send(): void {
    this.#sent += 1;
    this.#out.send(packetOf(this.#sent), this.#port, '127.0.0.1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#out.close();
    this.#in.close();
    if (!this.#router.closed) this.#router.close();
  }
}

/** An RTP packet (RFC 3550) with a VP8 key frame (RFC 7741) that ends with the number. */
function packetOf(number: number): Buffer {
  const packet = Buffer.alloc(12 + 1 + 10 + 4);
  packet[0] = 0x80;
  packet[1] = 0x80 | 101;
  packet.writeUInt16BE(number & 0xffff, 2);
  packet.writeUInt32BE((number * 90 * INTERVAL_MS) >>> 0, 4);
  packet.writeUInt32BE(SSRC, 8);
  packet[12] = 0x10;
  packet.set([0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00], 13);
  packet.writeUInt32BE(number, packet.length - 4);
  return packet;
}

/** The number in a packet; undefined for RTCP. */
function numberOf(packet: Buffer): number | undefined {
  const type = (packet[1] ?? 0) & 0x7f;
  return type === 101 ? packet.readUInt32BE(packet.length - 4) : undefined;
}
