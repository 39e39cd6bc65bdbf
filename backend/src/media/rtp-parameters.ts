/**
 * Converts what protocol/media-schemas.ts has parsed into mediasoup's types, field by field. No
 * object that a client sent ever reaches mediasoup: mediasoup-calls.ts accepts only objects that were
 * built here.
 */
import type { types } from 'mediasoup';
import type { types as client } from 'mediasoup-client';
import { HEADER_EXTENSIONS } from '#config/media.ts';
import type { RequestOf } from '#protocol/signalling.ts';

declare const rebuilt: unique symbol;
/** Built from parsed fields. Only this file can create one. */
export type Rebuilt<T> = T & { readonly [rebuilt]: true };

export type ParsedRtpParameters = RequestOf<'produce'>['rtpParameters'];
export type ParsedRtpCapabilities = RequestOf<'join'>['rtpCapabilities'];
export type ParsedDtlsParameters = RequestOf<'connectTransport'>['dtlsParameters'];
export type ParsedSctpStreamParameters = RequestOf<'produceData'>['sctpStreamParameters'];

/** What the server does not offer, a page can't have negotiated: it is left out, however it got there. */
function isOffered<E extends { uri: string }>(
  extension: E,
): extension is E & { uri: types.RtpHeaderExtensionUri } {
  return HEADER_EXTENSIONS.has(extension.uri);
}

export function rtpParametersOf(parsed: ParsedRtpParameters): Rebuilt<types.RtpParameters> {
  return rebuild<types.RtpParameters>({
    mid: parsed.mid,
    codecs: parsed.codecs,
    headerExtensions: parsed.headerExtensions?.filter(isOffered),
    encodings: parsed.encodings,
    rtcp: parsed.rtcp,
  });
}

export function rtpCapabilitiesOf(parsed: ParsedRtpCapabilities): Rebuilt<types.RtpCapabilities> {
  return rebuild<types.RtpCapabilities>({
    codecs: parsed.codecs,
    headerExtensions: parsed.headerExtensions?.filter(isOffered),
  });
}

/** With these a receiver reports to the sender how much its path can carry. */
const ESTIMATION_FEEDBACK: readonly string[] = ['transport-cc', 'goog-remb'];
const ESTIMATION_EXTENSIONS: readonly string[] = [
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
];

/** The same capabilities without bandwidth estimation. Retransmission stays. */
export function withoutEstimation(
  capabilities: Rebuilt<types.RtpCapabilities>,
): Rebuilt<types.RtpCapabilities> {
  const { codecs, headerExtensions } = capabilities;
  return rebuild<types.RtpCapabilities>({
    codecs: codecs?.map((codec) => ({
      ...codec,
      rtcpFeedback: codec.rtcpFeedback?.filter(({ type }) => !ESTIMATION_FEEDBACK.includes(type)),
    })),
    headerExtensions: headerExtensions?.filter(({ uri }) => !ESTIMATION_EXTENSIONS.includes(uri)),
  });
}

export function dtlsParametersOf(parsed: ParsedDtlsParameters): Rebuilt<types.DtlsParameters> {
  return rebuild<types.DtlsParameters>({ role: parsed.role, fingerprints: parsed.fingerprints });
}

export function sctpStreamParametersOf(
  parsed: ParsedSctpStreamParameters,
): Rebuilt<types.SctpStreamParameters> {
  return rebuild<types.SctpStreamParameters>({
    streamId: parsed.streamId,
    ordered: parsed.ordered,
    maxPacketLifeTime: parsed.maxPacketLifeTime,
    maxRetransmits: parsed.maxRetransmits,
  });
}

/** mediasoup and mediasoup-client each have their own types for the same JSON. */
export function forClient(parameters: types.RtpParameters): client.RtpParameters {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same JSON on both sides
  return parameters as client.RtpParameters;
}

/** A router's capabilities, as pages are offered them. */
export function offeredCapabilities(capabilities: types.RtpCapabilities): client.RtpCapabilities {
  const { headerExtensions = [], ...rest } = capabilities;
  const offered = { ...rest, headerExtensions: headerExtensions.filter(isOffered) };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same JSON on both sides
  return offered as client.RtpCapabilities;
}

/** `T` with every optional key also allowed to be undefined. */
type Loose<T> = T extends readonly (infer E)[]
  ? readonly Loose<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Loose<T[K]> | ({} extends Pick<T, K> ? undefined : never) }
    : T;

/** Drops keys that are undefined, as mediasoup's types require; -0 becomes 0. */
function rebuild<T extends object>(fields: Loose<T>): Rebuilt<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON drops undefined; all here is JSON
  return JSON.parse(JSON.stringify(fields)) as Rebuilt<T>;
}
