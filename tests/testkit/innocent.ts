/**
 * Somebody else's picture: numbered VP8 packets through a router of their own on the worker under
 * attack, from one UDP socket to another. What is sent and does not arrive was lost by that worker.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { types } from 'mediasoup';
import { ROUTER_CODECS } from '#config/media.ts';
import { until } from './until.ts';

const INTERVAL_MS = 10;
const SSRC = 0x0c_a5_7e_55;
const listenInfo = { protocol: 'udp', ip: '127.0.0.1' } as const;

export class InnocentPicture implements AsyncDisposable {
  readonly #router: types.Router;
  readonly #out: Socket;
  readonly #in: Socket;
  readonly #port: number;
  readonly #timer: NodeJS.Timeout;
  readonly #arrived = new Set<number>();
  readonly #lost: number[] = [];
  #looked = 0;
  #sent = 0;

  static async start(worker: types.Worker): Promise<InnocentPicture> {
    const router = await worker.createRouter({ mediaCodecs: ROUTER_CODECS });
    const from = await router.createPlainTransport({ listenInfo, comedia: true });
    const to = await router.createPlainTransport({ listenInfo });
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
    const picture = new InnocentPicture(router, receiver, from.tuple.localPort);
    await until('the innocent picture runs', () => picture.#arrived.size > 5);
    return picture;
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

  /** Numbers of packets that were sent and never arrived, up to now. */
  async lost(): Promise<readonly number[]> {
    const upTo = this.#sent;
    // Whatever was on its way has come when what was sent later has.
    await until('the innocent picture goes on', () =>
      [...this.#arrived].some((number) => number > upTo + 5),
    );
    for (; this.#looked < upTo; this.#looked += 1) {
      const number = this.#looked + 1;
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

/** RFC 3550, and RFC 7741 for a frame of one packet that is a key frame. The number stands at the end. */
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

/** Undefined for RTCP. */
function numberOf(packet: Buffer): number | undefined {
  const type = (packet[1] ?? 0) & 0x7f;
  return type === 101 ? packet.readUInt32BE(packet.length - 4) : undefined;
}
