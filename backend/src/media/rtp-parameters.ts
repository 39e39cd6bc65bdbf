/**
 * From what the schemas of protocol/media-schemas.ts have parsed to what mediasoup takes, field by
 * field. No object that a client sent is ever handed to mediasoup itself.
 */
import { getSupportedRtpCapabilities, type types } from 'mediasoup';
import type { types as client } from 'mediasoup-client';
import type { RequestOf } from '../protocol/signalling.ts';

type ParsedRtpParameters = RequestOf<'produce'>['rtpParameters'];
type ParsedRtpCapabilities = RequestOf<'join'>['rtpCapabilities'];
type ParsedDtlsParameters = RequestOf<'connectTransport'>['dtlsParameters'];
type ParsedSctpStreamParameters = RequestOf<'produceData'>['sctpStreamParameters'];

const KNOWN_EXTENSIONS = new Set<string>(
  getSupportedRtpCapabilities().headerExtensions?.map(({ uri }) => uri),
);

/** Header extensions that mediasoup does not know would only be ignored by it. */
function isKnown<E extends { uri: string }>(
  extension: E,
): extension is E & { uri: types.RtpHeaderExtensionUri } {
  return KNOWN_EXTENSIONS.has(extension.uri);
}

export function rtpParametersOf(parsed: ParsedRtpParameters): types.RtpParameters {
  return defined({
    mid: parsed.mid,
    codecs: parsed.codecs,
    headerExtensions: parsed.headerExtensions?.filter(isKnown),
    encodings: parsed.encodings,
    rtcp: parsed.rtcp,
  });
}

export function rtpCapabilitiesOf(parsed: ParsedRtpCapabilities): types.RtpCapabilities {
  return defined({
    codecs: parsed.codecs,
    headerExtensions: parsed.headerExtensions?.filter(isKnown),
  });
}

export function dtlsParametersOf(parsed: ParsedDtlsParameters): types.DtlsParameters {
  return defined({ role: parsed.role, fingerprints: parsed.fingerprints });
}

export function sctpStreamParametersOf(
  parsed: ParsedSctpStreamParameters,
): types.SctpStreamParameters {
  return defined({
    streamId: parsed.streamId,
    ordered: parsed.ordered,
    maxPacketLifeTime: parsed.maxPacketLifeTime,
    maxRetransmits: parsed.maxRetransmits,
  });
}

/** The two packages describe one JSON with types of their own. */
export function forClient(parameters: types.RtpParameters): client.RtpParameters {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same JSON on both sides
  return parameters as client.RtpParameters;
}

export function forClientCapabilities(capabilities: types.RtpCapabilities): client.RtpCapabilities {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same JSON on both sides
  return capabilities as client.RtpCapabilities;
}

type Defined<T> = T extends readonly (infer E)[]
  ? Defined<E>[]
  : T extends object
    ? { [K in keyof T]: Defined<Exclude<T[K], undefined>> }
    : T;
type OptionalKeys<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T];
type Absent<T> = Omit<T, OptionalKeys<T>> & { [K in OptionalKeys<T>]?: Exclude<T[K], undefined> };

/** Keys set to undefined become absent ones, as mediasoup's types have them. */
function defined<T extends object>(value: T): Absent<Defined<T>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON drops undefined; all here is JSON
  return JSON.parse(JSON.stringify(value)) as Absent<Defined<T>>;
}
