/**
 * Strict schemas for the media parameters that clients send. What comes out is rebuilt field by
 * field: unknown fields are dropped, integers are in range, lists and strings are bounded. mediasoup
 * 3.27 can be broken by values it does not check itself (docs/behaviour.md, "Every client is
 * untrusted").
 */
import * as v from 'valibot';

const text = v.pipe(v.string(), v.maxLength(256));
const int = (min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const uint32 = int(0, 0xffff_ffff);
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

/** A receiver lists everything its browser knows (Chromium: 40 codecs), so bounds are wider here. */
export const RtpCapabilitiesSchema = v.object({
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

const encoding = v.object({
  ssrc: v.optional(uint32),
  rid: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9]{1,16}$/))),
  codecPayloadType: v.optional(int(0, 127)),
  rtx: v.optional(v.object({ ssrc: uint32 })),
  dtx: v.optional(v.boolean()),
  scalabilityMode: v.optional(v.pipe(v.string(), v.regex(/^[LS][1-3]T[1-3](?:_KEY)?$/))),
  scaleResolutionDownBy: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(64))),
  maxBitrate: v.optional(int(1, 100_000_000)),
});

export const RtpParametersSchema = v.object({
  mid: v.optional(v.pipe(v.string(), v.maxLength(32))),
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
  encodings: v.optional(v.pipe(v.array(encoding), v.minLength(1), v.maxLength(3))),
  rtcp: v.optional(
    v.object({
      cname: v.optional(text),
      reducedSize: v.optional(v.boolean()),
      mux: v.optional(v.boolean()),
    }),
  ),
});

export const DtlsParametersSchema = v.object({
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

export const SctpStreamParametersSchema = v.object({
  streamId: int(0, 1023),
  ordered: v.optional(v.boolean()),
  maxPacketLifeTime: v.optional(int(0, 60_000)),
  maxRetransmits: v.optional(int(0, 1000)),
});
