/**
 * Strict schemas for the media parameters that pages send (the shapes are mediasoup's). The output is
 * built again field by field: unknown fields are dropped, integers are in range, lists and strings
 * are bounded. mediasoup 3.27 breaks on some values that it does not check (docs/security.md).
 */
import * as v from 'valibot';

/**
 * Printable ASCII. A publisher's codec parameters and its cname become part of the SDP in every
 * viewer's page, where a line break would let the publisher insert SDP lines.
 */
const text = v.pipe(v.string(), v.regex(/^[\x20-\x7e]{0,256}$/));
const int = (min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
/** Never 0: one place in mediasoup treats 0 as an SSRC, another as a missing SSRC. */
const ssrc = int(1, 0xffff_ffff);
const bounded = <const S extends v.GenericSchema>(schema: S, max: number) =>
  v.pipe(v.array(schema), v.maxLength(max));

const kind = v.picklist(['audio', 'video']);

const codecParameters = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/)),
    v.union([text, int(-0x8000_0000, 0x7fff_ffff), v.boolean()]),
  ),
  v.check((value) => Object.keys(value).length <= 32, 'too many parameters'),
);
const rtcpFeedback = v.object({ type: text, parameter: v.optional(text) });

const codecCommon = {
  mimeType: v.pipe(v.string(), v.regex(/^(?:audio|video)\/[A-Za-z0-9._-]{1,64}$/)),
  clockRate: int(1, 1_000_000),
  channels: v.optional(int(1, 8)),
  parameters: v.optional(codecParameters),
  rtcpFeedback: v.optional(bounded(rtcpFeedback, 16)),
};

/** A viewer lists everything that its browser supports (Chromium: 40 codecs), so the bounds are wider. */
const capabilities = v.object({
  codecs: v.optional(
    bounded(v.object({ kind, preferredPayloadType: int(0, 127), ...codecCommon }), 64),
  ),
  headerExtensions: v.optional(
    bounded(
      v.object({
        kind,
        uri: text,
        preferredId: int(1, 255),
        preferredEncrypt: v.optional(v.boolean()),
        direction: v.optional(v.picklist(['sendrecv', 'sendonly', 'recvonly', 'inactive'])),
      }),
      64,
    ),
  ),
});
/**
 * A viewer's page sends them with `join`. The brand is the proof of parsing that the calls into
 * mediasoup require (backend/src/media/mediasoup-calls.ts); so it is for the schemas below.
 */
export const RtpCapabilitiesSchema = v.pipe(capabilities, v.brand('RtpCapabilities'));

const encoding = v.object({
  ssrc: v.optional(ssrc),
  rid: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,16}$/))),
  codecPayloadType: v.optional(int(0, 127)),
  rtx: v.optional(v.object({ ssrc })),
  dtx: v.optional(v.boolean()),
  scalabilityMode: v.optional(v.pipe(v.string(), v.regex(/^[LS][1-3]T[1-3](?:_KEY)?$/))),
  scaleResolutionDownBy: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(64))),
  maxBitrate: v.optional(int(1, 100_000_000)),
});

const rtpParameters = v.object({
  mid: v.optional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{0,32}$/))),
  codecs: v.pipe(
    v.array(v.object({ payloadType: int(0, 127), ...codecCommon })),
    v.minLength(1),
    v.maxLength(8),
  ),
  headerExtensions: v.optional(
    bounded(
      v.object({
        uri: text,
        id: int(1, 255),
        encrypt: v.optional(v.boolean()),
        parameters: v.optional(codecParameters),
      }),
      16,
    ),
  ),
  encodings: v.optional(v.pipe(v.array(encoding), v.minLength(1), v.maxLength(4))),
  rtcp: v.optional(
    v.object({
      // In RTCP the length of a cname is one byte.
      cname: v.optional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{0,255}$/))),
      reducedSize: v.optional(v.boolean()),
      mux: v.optional(v.boolean()),
    }),
  ),
});
type RtpParameters = v.InferOutput<typeof rtpParameters>;

/**
 * The publisher's page sends them with `produce`. The checks catch what the worker would refuse only
 * half-way through, or only when a viewer joins: two codecs that become one for viewers, streams that
 * nothing distinguishes, and layers that the codec does not have.
 */
export const RtpParametersSchema = v.pipe(
  rtpParameters,
  v.check(hasOneMediaCodec, 'one media codec, and at most its retransmission'),
  v.check(hasDistinctStreams, 'distinct SSRCs, RIDs and header extension ids'),
  v.check(hasLayersOfItsCodec, 'layers that the codec has'),
  v.brand('RtpParameters'),
);

function hasOneMediaCodec({ codecs, encodings = [] }: RtpParameters): boolean {
  const [media, ...others] = codecs.filter(({ mimeType }) => !isRtx(mimeType));
  const rtx = codecs.filter(({ mimeType }) => isRtx(mimeType));
  if (!media || others.length > 0 || rtx.length > 1) return false;
  const { payloadType } = media;
  return (
    rtx.every(
      (codec) => codec.parameters?.['apt'] === payloadType && codec.payloadType !== payloadType,
    ) && encodings.every(({ codecPayloadType = payloadType }) => codecPayloadType === payloadType)
  );
}

function hasDistinctStreams({ encodings = [], headerExtensions = [] }: RtpParameters): boolean {
  const ssrcs = encodings.flatMap(({ ssrc, rtx }) => [ssrc ?? [], rtx?.ssrc ?? []].flat());
  const rids = encodings.flatMap(({ rid }) => rid ?? []);
  const named = encodings.every(({ ssrc, rid }) => ssrc !== undefined || rid !== undefined);
  return (
    areDistinct(ssrcs) &&
    areDistinct(rids) &&
    areDistinct(headerExtensions.map(({ id }) => id)) &&
    (named || encodings.length === 1)
  );
}

function hasLayersOfItsCodec({ codecs, encodings = [] }: RtpParameters): boolean {
  const simulcast = encodings.length > 1;
  const spatial = codecs.some(({ mimeType }) => /^video\/(?:VP9|AV1)$/i.test(mimeType));
  return encodings.every(
    ({ scalabilityMode }) =>
      scalabilityMode === undefined || scalabilityMode[1] === '1' || (spatial && !simulcast),
  );
}

function isRtx(mimeType: string): boolean {
  return /\/rtx$/i.test(mimeType);
}

function areDistinct(values: readonly (string | number)[]): boolean {
  return new Set(values).size === values.length;
}

const dtlsParameters = v.object({
  role: v.optional(v.picklist(['auto', 'client', 'server'])),
  fingerprints: v.pipe(
    v.array(
      v.object({
        algorithm: v.picklist(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']),
        value: v.pipe(v.string(), v.regex(/^[0-9A-F]{2}(?::[0-9A-F]{2}){19,63}$/i)),
      }),
    ),
    v.minLength(1),
    v.maxLength(8),
  ),
});
/** Sent by both roles' pages: `join` (viewer) or `connectTransport`. */
export const DtlsParametersSchema = v.pipe(dtlsParameters, v.brand('DtlsParameters'));

const sctpStreamParameters = v.object({
  streamId: int(0, 1023),
  ordered: v.optional(v.boolean()),
  maxPacketLifeTime: v.optional(int(0, 60_000)),
  maxRetransmits: v.optional(int(0, 1000)),
});
/** The publisher's page sends them with `produceData`. `maxPacketLifeTime` is in ms. */
export const SctpStreamParametersSchema = v.pipe(
  sctpStreamParameters,
  v.check(
    ({ ordered, maxPacketLifeTime, maxRetransmits }) =>
      !(maxPacketLifeTime && maxRetransmits) && !(ordered && (maxPacketLifeTime || maxRetransmits)),
    'ordered, or one of maxPacketLifeTime and maxRetransmits',
  ),
  v.brand('SctpStreamParameters'),
);
