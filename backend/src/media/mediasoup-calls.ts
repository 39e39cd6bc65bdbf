/**
 * The one door to mediasoup for whatever comes of a client. It takes what was parsed and rebuilt
 * (rtp-parameters.ts) and objects of our own, and is the only file that calls these methods of
 * mediasoup: door.test.ts holds that. A value that mediasoup does not check can stop a whole worker.
 */
import { errors, type types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { RequestOf } from '#protocol/signalling.ts';
import {
  dtlsParametersOf,
  type ParsedDtlsParameters,
  type ParsedSctpStreamParameters,
  type Rebuilt,
  rtpParametersOf,
  sctpStreamParametersOf,
} from './rtp-parameters.ts';

/** Fixed here: a label of the client's own would be carried to every viewer. */
const OVERLAY_LABEL = 'overlay';

export async function connect(
  transport: types.WebRtcTransport,
  dtlsParameters: ParsedDtlsParameters,
): Promise<void> {
  await transport.connect({ dtlsParameters: dtlsParametersOf(dtlsParameters) });
}

/** A hint to the browser: see BitrateGuard. */
export async function limitIncoming(
  transport: types.WebRtcTransport,
  bitrateBps: number,
): Promise<void> {
  await transport.setMaxIncomingBitrate(bitrateBps);
}

export async function restartIce(transport: types.WebRtcTransport): Promise<types.IceParameters> {
  return transport.restartIce();
}

/** @throws OnecastError `bad-request` where the codecs are not of this kind, or not the router's */
export async function produce(
  transport: types.WebRtcTransport,
  { kind, rtpParameters }: Pick<RequestOf<'produce'>, 'kind' | 'rtpParameters'>,
  limits: Limits,
): Promise<types.Producer> {
  if (rtpParameters.codecs.some(({ mimeType }) => !mimeType.startsWith(`${kind}/`))) {
    throw new OnecastError('bad-request', 'The codecs are not of this kind.');
  }
  try {
    return await transport.produce({
      kind,
      rtpParameters: rtpParametersOf(rtpParameters),
      keyFrameRequestDelay: limits.keyFrameRequestDelayMs,
    });
  } catch (error) {
    // The two kinds of error by which mediasoup says that the parameters are at fault.
    if (!(error instanceof TypeError || error instanceof errors.UnsupportedError)) throw error;
    throw new OnecastError('bad-request', 'The router does not take these.', { cause: error });
  }
}

export async function produceData(
  transport: types.WebRtcTransport,
  sctpStreamParameters: ParsedSctpStreamParameters,
): Promise<types.DataProducer> {
  return transport.produceData({
    sctpStreamParameters: sctpStreamParametersOf(sctpStreamParameters),
    label: OVERLAY_LABEL,
  });
}

/**
 * `paused` until the page has its side: no black first second, and one key frame for many. Where DTLS
 * waits for the page it need not be.
 * @throws OnecastError `codec-unsupported`
 */
export async function consume(
  transport: types.WebRtcTransport,
  producer: Pick<types.Producer, 'id'>,
  options: { readonly rtpCapabilities: Rebuilt<types.RtpCapabilities>; readonly paused: boolean },
): Promise<types.Consumer> {
  const { rtpCapabilities, paused } = options;
  try {
    return await transport.consume({ producerId: producer.id, rtpCapabilities, paused });
  } catch (error) {
    if (!(error instanceof errors.UnsupportedError)) throw error;
    throw new OnecastError('codec-unsupported', undefined, { cause: error });
  }
}

/** How a channel of the server's own goes to a viewer. Without it: as its producer sends. */
export type Delivery =
  | { readonly ordered: true }
  | { readonly ordered: false; readonly maxPacketLifeTime: number };

/** `delivery` is never a client's. All else is mediasoup's own default: `subchannels` can stop a worker. */
export async function consumeData(
  transport: types.WebRtcTransport | types.DirectTransport,
  dataProducer: Pick<types.DataProducer, 'id'>,
  delivery?: Delivery,
): Promise<types.DataConsumer> {
  return transport.consumeData({ dataProducerId: dataProducer.id, ...delivery });
}

/** A channel of the server's own. */
export async function openChannel(
  transport: types.DirectTransport,
  label: string,
): Promise<types.DataProducer> {
  return transport.produceData({ label });
}

/** The most that a transport's estimate may say; 0: no such bound. A number of config/limits.ts. */
export async function boundEstimate(
  transport: Pick<types.WebRtcTransport, 'setMaxOutgoingBitrate'>,
  bps: number,
): Promise<void> {
  await transport.setMaxOutgoingBitrate(bps);
}

/** `spatialLayer` is reckoned from what the consumer has, never taken from a client. */
export async function preferSpatialLayer(
  consumer: Pick<types.Consumer, 'setPreferredLayers'>,
  spatialLayer: number,
): Promise<void> {
  await consumer.setPreferredLayers({ spatialLayer });
}
