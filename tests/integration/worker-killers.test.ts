/**
 * Values that kill a media worker when an application passes them on from a client. The first half
 * shows this on a bare worker, the second half sends the same values to this server. If the first
 * half fails one day, mediasoup has fixed the bug; the second half is what matters.
 */
import { once } from 'node:events';
import { createWorker, type types } from 'mediasoup';
import { beforeAll, describe, expect, it, test } from 'vitest';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { ROUTER_CODECS } from '#config/media.ts';
import { broadcast, claim, join, produceVideo } from '#testkit/signalling/requests.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';

/** Converting this to a number throws. */
const disguised = { valueOf: 1, toString: 1 };
const layers = `L1T3${'x'.repeat(50_000)}`;
const endless = { length: -1 };

/** A worker without this server's protection. */
class BareWorker implements AsyncDisposable {
  readonly worker: types.Worker;
  readonly transport: types.DirectTransport;

  static async start(): Promise<BareWorker> {
    const workerBin = process.env['MEDIASOUP_WORKER_BIN'];
    const worker = await createWorker({ logLevel: 'none', ...(workerBin && { workerBin }) });
    const router = await worker.createRouter({ mediaCodecs: ROUTER_CODECS });
    return new BareWorker(worker, await router.createDirectTransport());
  }

  private constructor(worker: types.Worker, transport: types.DirectTransport) {
    this.worker = worker;
    this.transport = transport;
  }

  async produce(encoding: unknown): Promise<types.Producer> {
    return this.transport.produce({
      kind: 'video',
      rtpParameters: {
        codecs: [{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000 }],
        encodings: [{ ssrc: 1, ...(encoding as types.RtpEncodingParameters) }],
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.worker.died || this.worker.subprocessClosed) return;
    const gone = once(this.worker, 'subprocessclose');
    process.kill(this.worker.pid, 'SIGKILL');
    await gone;
  }
}

describe('a bare mediasoup worker', () => {
  test.each([
    ['maxBitrate 1.5', { maxBitrate: 1.5 }],
    ['maxBitrate "x"', { maxBitrate: 'x' }],
    ['maxBitrate null', { maxBitrate: null }],
    ['an object for codecPayloadType', { codecPayloadType: disguised }],
  ])('the worker can’t be used any more after %s', async (_what, encoding) => {
    await using bare = await BareWorker.start();
    await expect(bare.produce(encoding)).rejects.toThrow(/./);
    await expect(bare.worker.dump()).rejects.toThrow('must not be nested');
    await expect(bare.produce({})).rejects.toThrow('must not be nested');
    expect(() => bare.worker.close()).toThrow('must not be nested');
  });

  it('the worker dies of a long scalabilityMode', async () => {
    await using bare = await BareWorker.start();
    const died = once(bare.worker, 'died');
    bare.produce({ scalabilityMode: layers }).catch(() => undefined);
    await died;
    expect(() => process.kill(bare.worker.pid, 0)).toThrow('ESRCH');
  });

  it('the worker dies of an endless list of subchannels', async () => {
    await using bare = await BareWorker.start();
    const { id } = await bare.transport.produceData();
    const died = once(bare.worker, 'died');
    const subchannels = endless as unknown as number[];
    bare.transport.consumeData({ dataProducerId: id, subchannels }).catch(() => undefined);
    await died;
    expect(() => process.kill(bare.worker.pid, 0)).toThrow('ESRCH');
  });
});

describe('SEC-1 SEC-2 the same values sent to this server', () => {
  const server = sharedServer();
  let pid: number;

  beforeAll(() => {
    ({ pid } = server.worker().worker);
  });
  /** Whether the same worker process still answers. */
  const isUnharmed = async () => (await server.worker().worker.dump()).pid === pid;

  test.each([
    ['maxBitrate 1.5', { maxBitrate: 1.5 }],
    ['maxBitrate "x"', { maxBitrate: 'x' }],
    ['maxBitrate null', { maxBitrate: null }],
    ['an object for codecPayloadType', { codecPayloadType: disguised }],
    ['a long scalabilityMode', { scalabilityMode: layers }],
  ])('the server refuses %s, and the page can still go live', async (what, encoding) => {
    const owner = await server.connect();
    const { transport } = await claim(owner, `killer-${what.replaceAll(/[^a-zA-Z0-9]/g, '-')}`);
    const rtpParameters = { ...chromium.simulcastVp8, encodings: [{ ssrc: 1, ...encoding }] };
    const produce = { transportId: transport.id, kind: 'video', rtpParameters };
    expect(await owner.errorCode('produce', produce)).toBe('bad-request');
    expect(await isUnharmed()).toBe(true);
    await produceVideo(owner, transport.id);
  });

  it('the server refuses or strips subchannels', async () => {
    const room = 'killer-subchannels';
    const [owner, viewer] = await server.connectMany(2);
    const { transport } = await broadcast(owner, room);
    const renewed = await owner.request('renewTransport');
    const produceData = {
      transportId: renewed.transport.id,
      sctpStreamParameters: { ...chromium.sctpStreamParameters, subchannels: endless },
    };
    expect(await owner.errorCode('produceData', { ...produceData, subchannels: endless })).toBe(
      'bad-request',
    );
    expect(
      await owner.errorCode('produceData', { ...produceData, transportId: transport.id }),
    ).toBe('transport-gone');
    await owner.request('produceData', produceData);
    await produceVideo(owner, renewed.transport.id);
    expect((await join(viewer, room)).media.data).not.toBeNull();
    expect(await viewer.errorCode('resumeConsumers', { consumerIds: endless })).toBe('bad-request');
    expect(await viewer.errorCode('renewConsumers', { subchannels: endless })).toBe('bad-request');
    expect(await isUnharmed()).toBe(true);
  });
});
