/**
 * Reads the SDP offer of an encoder and writes the answer (RFC 9725, RFC 8829). The matching of codecs
 * and the answer come from mediasoup-client's own modules, through which every browser's session goes
 * too. They are not documented, so this is the only file that imports them, and the version is pinned.
 */
import { ortc } from 'mediasoup-client';
import * as commonUtils from 'mediasoup-client/handlers/sdp/commonUtils';
import { RemoteSdp } from 'mediasoup-client/handlers/sdp/RemoteSdp';
import * as unifiedPlanUtils from 'mediasoup-client/handlers/sdp/unifiedPlanUtils';
import type { types as client } from 'mediasoup-client';
import * as sdpTransform from 'sdp-transform';
import * as v from 'valibot';
import { OnecastError } from '#protocol/errors.ts';
import { DtlsParametersSchema, RtpParametersSchema } from '#protocol/media-schemas.ts';
import type { RequestOf, TransportDescription } from '#protocol/signalling.ts';
import { lowestFirst } from './simulcast.ts';

export type OfferedTrack = Pick<RequestOf<'produce'>, 'kind' | 'rtpParameters'>;

export interface Offer {
  readonly tracks: readonly OfferedTrack[];
  readonly dtlsParameters: RequestOf<'connectTransport'>['dtlsParameters'];
  /** The encoder's own: another one in a PATCH means that it restarts ICE. */
  readonly iceUfrag: string | undefined;
  /** The SDP answer for `transport`, the server's side. */
  answer(transport: TransportDescription): string;
}

export interface OfferOptions {
  readonly routerRtpCapabilities: client.RtpCapabilities;
  /** The encoder's User-Agent: some list the layers of a simulcast from the highest on. */
  readonly userAgent: string;
}

type Section = sdpTransform.SessionDescription['media'][number];

/** The one H264 entry of the routers (config/media.ts). */
const ROUTER_PROFILE = '42e01f';

/**
 * @throws OnecastError `bad-request` if `sdp` is not an SDP offer, `offer-unsupported` if nothing here
 * can receive what it offers. An offer is accepted whole or not at all.
 */
export function readOffer(sdp: string, { routerRtpCapabilities, userAgent }: OfferOptions): Offer {
  const session = parse(sdp);
  const sent = session.media.filter(isOfferedMedia);
  assertSupported(session.media, sent);
  for (const section of sent) declareRouterProfile(section);

  const local = commonUtils.extractRtpCapabilities({ sdpObject: session });
  const [dtls, extended] = orBadRequest(() => {
    ortc.validateAndNormalizeRtpCapabilities(local);
    return [
      commonUtils.extractDtlsParameters({ sdpObject: session }),
      // The encoder's first codec is the one that it prefers.
      ortc.getExtendedRtpCapabilities(local, structuredClone(routerRtpCapabilities), true),
    ] as const;
  });
  if (dtls.role === undefined) throw new OnecastError('bad-request', 'a=setup is not valid.');
  // An encoder that leaves the choice to the server becomes the DTLS client: it sends first anyway.
  const role = dtls.role === 'server' ? 'server' : 'client';

  const matched = sent.map((section) => matchCodec(section, extended));
  const tracks = matched.map(({ section, sending }): OfferedTrack => {
    const rtpParameters = {
      ...sending,
      mid: String(section.mid),
      rtcp: { cname: commonUtils.getCname({ offerMediaObject: section }) },
      encodings: encodingsOf(section, sending.codecs, userAgent),
    };
    return { kind: kindOf(section), rtpParameters: parsed(RtpParametersSchema, rtpParameters) };
  });

  return {
    tracks,
    dtlsParameters: parsed(DtlsParametersSchema, { role, fingerprints: dtls.fingerprints }),
    iceUfrag: (session.iceUfrag ?? sent.find(({ iceUfrag }) => iceUfrag)?.iceUfrag)?.toString(),
    answer(transport) {
      const remote = new RemoteSdp({
        iceParameters: transport.iceParameters,
        iceCandidates: transport.iceCandidates,
        dtlsParameters: {
          role: role === 'server' ? 'client' : 'server',
          // RemoteSdp writes one of them. GStreamer knows no sha-224, and others know sha-256 alone.
          fingerprints: transport.dtlsParameters.fingerprints.filter(
            ({ algorithm }) => algorithm === 'sha-256',
          ),
        },
      });
      for (const { section, sending, receiving } of matched) {
        remote.send({
          offerMediaObject: section,
          offerRtpParameters: sending,
          answerRtpParameters: receiving,
        });
      }
      return remote.getSdp();
    },
  };
}

function parse(sdp: string): sdpTransform.SessionDescription {
  const session = orBadRequest(() => sdpTransform.parse(sdp));
  if (!/^v=0\r?\n/.test(sdp) || session.media.length === 0) {
    throw new OnecastError('bad-request', 'The body is not an SDP offer.');
  }
  return session;
}

/** A port of 0 does not mean that a section is rejected: GStreamer offers bundled sections so. */
function isOfferedMedia({ type, direction }: Section): boolean {
  const sends = direction === undefined || direction === 'sendonly' || direction === 'sendrecv';
  return (type === 'audio' || type === 'video') && sends;
}

function assertSupported(all: readonly Section[], sent: readonly Section[]): void {
  if (sent.length < all.length) {
    throw unsupported('Offer audio and video to send (a=sendonly), and nothing else.');
  }
  for (const kind of ['audio', 'video'] as const) {
    if (sent.filter(({ type }) => type === kind).length > 1) {
      throw unsupported(`Offer at most one ${kind} track.`);
    }
  }
  if (!sent.some(({ type }) => type === 'video')) throw unsupported('Offer a video track.');
  const mids = sent.map(({ mid }) => mid);
  if (mids.includes(undefined) || new Set(mids).size < mids.length) {
    throw new OnecastError('bad-request', 'Each track needs a mid of its own (a=mid).');
  }
}

/**
 * Encoders name many H264 profiles, and OBS names 42e01f whatever it sends. Viewers decode the stream
 * by what is in it, so every profile counts as the one that the routers have.
 */
function declareRouterProfile(section: Section): void {
  const h264 = new Set(
    section.rtp.filter(({ codec }) => /^h264$/i.test(codec)).map(({ payload }) => payload),
  );
  for (const fmtp of section.fmtp) {
    if (!h264.has(fmtp.payload)) continue;
    fmtp.config = fmtp.config.replace(
      /profile-level-id=[0-9a-f]{6}/i,
      `profile-level-id=${ROUTER_PROFILE}`,
    );
  }
}

interface Matched {
  readonly section: Section;
  readonly sending: client.RtpParameters;
  readonly receiving: client.RtpParameters;
}

function matchCodec(section: Section, extended: client.ExtendedRtpCapabilities): Matched {
  const kind = kindOf(section);
  const sending = ortc.getSendingRtpParameters(kind, extended);
  const receiving = ortc.getSendingRemoteRtpParameters(kind, extended);
  if (sending.codecs.length === 0) {
    const names = section.rtp.map(({ codec }) => codec).join(', ');
    throw unsupported(
      `This server takes ${kind === 'audio' ? 'Opus' : 'VP8, H264 and AV1'}, and the offer has ${printable(names) || 'no codec'}.`,
    );
  }
  sending.codecs = ortc.reduceCodecs(sending.codecs);
  receiving.codecs = ortc.reduceCodecs(receiving.codecs);
  return { section, sending, receiving };
}

function encodingsOf(
  section: Section,
  codecs: client.RtpCodecParameters[],
  userAgent: string,
): client.RtpEncodingParameters[] {
  const rids = lowestFirst(section, userAgent);
  if (rids.length > 1) return rids.map((rid) => ({ rid }));
  if (!section.ssrcs?.length) return [{}];
  return orBadRequest(() =>
    unifiedPlanUtils.getRtpEncodings({ offerMediaObject: section, codecs }),
  );
}

function kindOf({ type }: Section): client.MediaKind {
  return type === 'audio' ? 'audio' : 'video';
}

function parsed<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new OnecastError(
    'bad-request',
    `The offer is not valid: ${v.getDotPath(issue) ?? issue.message}.`,
  );
}

/** The modules that read the offer throw plain errors. */
function orBadRequest<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new OnecastError('bad-request', 'The body is not an SDP offer.', { cause: error });
  }
}

function unsupported(detail: string): OnecastError {
  return new OnecastError('offer-unsupported', detail);
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 100);
}
