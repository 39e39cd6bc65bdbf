/**
 * The only file that passes client input to mediasoup. Its functions accept parsed and rebuilt values
 * (rtp-parameters.ts) and objects of our own. No other file calls these methods of mediasoup:
 * mediasoup-calls.test.ts checks that. A value that mediasoup does not check can stop a whole worker.
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

/** Fixed: mediasoup would forward a label chosen by the client to every viewer. */
const OVERLAY_LABEL = 'overlay';

export async function connect(
  transport: types.WebRtcTransport,
  dtlsParameters: ParsedDtlsParameters,
): Promise<void> {
  await transport.connect({ dtlsParameters: dtlsParametersOf(dtlsParameters) });
}

/** A hint to the browser; BitrateGuard enforces the limit. */
export async function limitIncoming(
  transport: types.WebRtcTransport,
  bitrateBps: number,
): Promise<void> {
  await transport.setMaxIncomingBitrate(bitrateBps);
}

export async function restartIce(transport: types.WebRtcTransport): Promise<types.IceParameters> {
  return transport.restartIce();
}

/** @throws OnecastError `bad-request` if the codecs do not fit this kind, or the router */
export async function produce(
  transport: types.WebRtcTransport,
  { kind, rtpParameters }: Pick<RequestOf<'produce'>, 'kind' | 'rtpParameters'>,
  limits: Limits,
): Promise<types.Producer> {
  if (rtpParameters.codecs.some(({ mimeType }) => !mimeType.startsWith(`${kind}/`))) {
    throw new OnecastError('bad-request', 'The codecs do not match the kind of media.');
  }
  try {
    return await transport.produce({
      kind,
      rtpParameters: rtpParametersOf(rtpParameters),
      keyFrameRequestDelay: limits.keyFrameRequestDelayMs,
    });
  } catch (error) {
    // mediasoup throws these two kinds of error for wrong parameters.
    if (!(error instanceof TypeError || error instanceof errors.UnsupportedError)) throw error;
    throw new OnecastError('bad-request', 'The router does not accept these parameters.', {
      cause: error,
    });
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
 * Create the consumer `paused` if the page is not ready to receive: it then shows no black first
 * second, and one key frame serves many viewers. While DTLS still waits for the page, nothing is sent
 * and the consumer need not be paused.
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

/** How a channel of the server is delivered to a viewer. By default: as its producer sends. */
export type Delivery =
  | { readonly ordered: true }
  | { readonly ordered: false; readonly maxPacketLifeTime: number };

/**
 * `delivery` never comes from a client. All other options are mediasoup's defaults: a wrong
 * `subchannels` can stop a worker.
 */
export async function consumeData(
  transport: types.WebRtcTransport | types.DirectTransport,
  dataProducer: Pick<types.DataProducer, 'id'>,
  delivery?: Delivery,
): Promise<types.DataConsumer> {
  return transport.consumeData({ dataProducerId: dataProducer.id, ...delivery });
}

/** Opens a data channel of the server. */
export async function openChannel(
  transport: types.DirectTransport,
  label: string,
): Promise<types.DataProducer> {
  return transport.produceData({ label });
}

/** Upper limit of the transport's bandwidth estimate; 0 removes it. `bps` comes from config/limits.ts. */
export async function limitOutgoing(
  transport: Pick<types.WebRtcTransport, 'setMaxOutgoingBitrate'>,
  bps: number,
): Promise<void> {
  await transport.setMaxOutgoingBitrate(bps);
}

/** `spatialLayer` is computed from the consumer's own layers, never from client input. */
export async function preferSpatialLayer(
  consumer: Pick<types.Consumer, 'setPreferredLayers'>,
  spatialLayer: number,
): Promise<void> {
  await consumer.setPreferredLayers({ spatialLayer });
}
