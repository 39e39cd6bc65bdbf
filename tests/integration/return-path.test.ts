/** To which addresses a real worker sends media. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { types } from 'mediasoup';
import { chooseEgress } from '#backend/media/workers/egress.ts';
import { readConfig } from '#config/env.ts';
import { LIMITS } from '#config/limits.ts';
import { ROUTER_CODECS, webRtcTransportOptions } from '#config/media.ts';
import { type Endpoint, hasOpenssl, IceProgram } from '#testkit/media/ice-program.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const { library } = await chooseEgress(readConfig(process.env), LIMITS);
const possible = library !== undefined && hasOpenssl;
if (!possible) console.log('return paths are not tested: this needs the library and openssl');

const FORGED_MAX = 4;

describe.skipIf(!possible)('EGRESS-9 return paths', () => {
  let server: InProcessServer;
  let router: types.Router;
  let source: types.PlainTransport;
  let producer: types.Producer;
  let timer: NodeJS.Timeout;
  /** Packets of 1,000 bytes every 10 ms. */
  let perTick = 3;
  let program: IceProgram;

  beforeAll(async () => {
    program = new IceProgram();
    server = await InProcessServer.start();
    router = await server.worker().worker.createRouter({ mediaCodecs: ROUTER_CODECS });
    source = await router.createPlainTransport({
      listenInfo: { protocol: 'udp', ip: '127.0.0.1' },
      comedia: true,
    });
    producer = await source.produce({
      kind: 'video',
      rtpParameters: {
        codecs: [{ mimeType: 'video/VP8', payloadType: 101, clockRate: 90_000 }],
        encodings: [{ ssrc: 7 }],
      },
    });
    const from = await program.endpoint('127.0.0.1', source.tuple.localPort);
    let sequence = 0;
    timer = setInterval(() => {
      for (let i = 0; i < perTick; i += 1) from.send(rtp((sequence += 1)));
    }, 10);
  });

  afterAll(async () => {
    clearInterval(timer);
    await program[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  async function openTransport(): Promise<types.WebRtcTransport> {
    const { webRtcServer } = server.worker();
    const options = webRtcTransportOptions(LIMITS);
    const transport = await router.createWebRtcTransport({ ...options, webRtcServer });
    await transport.connect({ dtlsParameters: program.dtlsParameters });
    await transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
    return transport;
  }

  async function connected(transport: types.WebRtcTransport, endpoint: Endpoint): Promise<void> {
    endpoint.check(transport);
    await program.shakeHands(endpoint);
    await waitUntil('DTLS is up', () => transport.dtlsState === 'connected');
  }

  const proved = (way: 'check' | 'handshake') =>
    server.metric(`onecast_media_addresses_proved_total{worker="0",way="${way}"}`);

  const mediaReaches = async (endpoint: Endpoint) => {
    const before = endpoint.arrived.media;
    await waitUntil('media arrives', () => endpoint.arrived.media > before + 30);
  };

  /** The worker sends to that address now, and the library drops it. */
  const expectMediaDropped = async (transport: types.WebRtcTransport, endpoint: Endpoint) => {
    const reason = 'onecast_media_port_refused_total{worker="0",reason="unproved-address"}';
    const before = await server.metric(reason);
    let checks = 0;
    await waitUntil('media for the address is dropped', async () => {
      if (checks < FORGED_MAX) {
        endpoint.check(transport);
        checks += 1;
      }
      return (await server.metric(reason)) > before + 100;
    });
    expect(transport.iceSelectedTuple?.remotePort).toBe(endpoint.port);
    expect(endpoint.arrived.media).toBe(0);
    // A handshake, checks and answers: more than 100 packets of 1,000 bytes were dropped meanwhile.
    expect(endpoint.arrived.bytes).toBeLessThan(8_000);
  };

  it('an agent that answers checks, as browsers do, gets media on each of its paths', async () => {
    const transport = await openTransport();
    const first = await program.endpoint('127.0.0.1', server.mediaPort, true);
    await connected(transport, first);
    await mediaReaches(first);
    const second = await program.endpoint('127.0.0.3', server.mediaPort, true);
    second.check(transport);
    await mediaReaches(second);
    expect(second.arrived.checks).toBeGreaterThan(0);
    await transport.restartIce();
    const third = await program.endpoint('127.0.0.4', server.mediaPort, true);
    third.check(transport);
    await mediaReaches(third);
    expect(await proved('check')).toBeGreaterThanOrEqual(3);
  });

  it('an agent that answers nothing gets media where it has made its DTLS handshake', async () => {
    const transport = await openTransport();
    const endpoint = await program.endpoint('127.0.0.1', server.mediaPort);
    const before = await proved('handshake');
    await connected(transport, endpoint);
    await mediaReaches(endpoint);
    expect(await proved('handshake')).toBe(before + 1);
  });

  it('a session’s check with a stranger’s address brings the stranger a few packets', async () => {
    const transport = await openTransport();
    const own = await program.endpoint('127.0.0.1', server.mediaPort, true);
    await connected(transport, own);
    await mediaReaches(own);
    // One address, and another port of it.
    await expectMediaDropped(transport, await program.endpoint('127.0.0.2', server.mediaPort));
    await expectMediaDropped(transport, await program.endpoint('127.0.0.2', server.mediaPort));
    await transport.restartIce();
    await expectMediaDropped(transport, await program.endpoint('127.0.0.2', server.mediaPort));
    own.check(transport);
    await mediaReaches(own);
    expect(own.arrived.media).toBeGreaterThan(60);
  });

  it('EGRESS-7 a TCP viewer that stops reading loses whole frames, which wait nowhere', async () => {
    const transport = await openTransport();
    const { endpoint, socket } = await program.connection(server.mediaPort);
    await connected(transport, endpoint);
    await mediaReaches(endpoint);
    const reason = 'onecast_media_port_refused_total{worker="0",reason="frame"}';
    socket.pause();
    perTick = 30;
    await waitUntil('frames are dropped', async () => (await server.metric(reason)) > 2_000);
    perTick = 3;
    socket.resume();
    // What comes is whole frames, after those that were waiting in the kernel, too.
    await mediaReaches(endpoint);
    await waitUntil('no frame is dropped any more', async () => {
      const dropped = await server.metric(reason);
      await mediaReaches(endpoint);
      return (await server.metric(reason)) === dropped;
    });
    expect(socket.closed).toBe(false);
  });

  it('a handshake over two addresses proves neither', async () => {
    const transport = await openTransport();
    const own = await program.endpoint('127.0.0.1', server.mediaPort);
    const stranger = await program.endpoint('127.0.0.2', server.mediaPort);
    // What goes to the stranger's address is read at the other one, too, only in this test.
    stranger.onDtls = (record) => own.onDtls(record);
    own.check(transport);
    await program.shakeHands(own);
    const { onDtls } = own;
    let records = 0;
    own.onDtls = (record) => {
      records += 1;
      // The stranger becomes the selected address before the handshake is over.
      if (records === 1) stranger.check(transport);
      else onDtls(record);
    };
    await waitUntil('DTLS is up', () => transport.dtlsState === 'connected');
    await expectMediaDropped(transport, stranger);
    expect(stranger.arrived.media).toBe(0);
  });
});

function rtp(sequence: number): Buffer {
  const packet = Buffer.alloc(1_000);
  packet.set([0x80, 101]);
  packet.writeUInt16BE(sequence & 0xff_ff, 2);
  packet.writeUInt32BE(sequence * 900, 4);
  packet.writeUInt32BE(7, 8);
  // The start of a VP8 key frame.
  packet.set([0x10, 0x00], 12);
  return packet;
}
