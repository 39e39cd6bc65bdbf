/** The SDP that the generator's legs need for servers that use it: written and read line by line. */
import type { Credentials, Stream } from '../loadgen/generator.ts';
import { EXTENSIONS, SSRC } from './broadcaster.ts';

/** Our side of a transport. */
export interface OwnSide {
  readonly credentials: Credentials;
  readonly ip: string;
  readonly port: number;
  readonly fingerprint: string;
  /** Also offers a data channel. */
  readonly data?: boolean;
}

export const PAYLOAD_TYPE = 96;

const FEEDBACK = ['nack', 'nack pli', 'ccm fir', 'goog-remb', 'transport-cc'];

/** The offer of a browser that publishes VP8. We are always the DTLS client. */
export function publisherOffer(own: OwnSide): string {
  return description('sendonly', own, '0', PAYLOAD_TYPE, 'active', [
    `a=ssrc-group:FID ${SSRC} ${SSRC + 1}`,
    `a=ssrc:${SSRC} cname:bench`,
    `a=ssrc:${SSRC} msid:bench video`,
    `a=ssrc:${SSRC + 1} cname:bench`,
    `a=ssrc:${SSRC + 1} msid:bench video`,
  ]);
}

export function viewerOffer(own: OwnSide): string {
  return description('recvonly', own, '0', PAYLOAD_TYPE, 'active', []);
}

/** Accepts the stream of `offer`, with the offer's own ids. */
export function viewerAnswer(offer: string, own: OwnSide): string {
  const { mid, payloadType } = readSdp(offer);
  return description('recvonly', own, mid, payloadType, 'active', []);
}

function description(
  direction: string,
  own: OwnSide,
  mid: string,
  payloadType: number,
  setup: string,
  streams: readonly string[],
): string {
  const { credentials, ip, port, fingerprint, data = false } = own;
  const rtx = payloadType + 1;
  const { mid: midExtension, absSendTime, transportCc } = EXTENSIONS;
  const transport = [
    `a=setup:${setup}`,
    `a=fingerprint:sha-256 ${fingerprint}`,
    `a=ice-ufrag:${credentials.usernameFragment}`,
    `a=ice-pwd:${credentials.password}`,
  ];
  const channel = [
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    `c=IN IP4 ${ip}`,
    'a=mid:data',
    ...transport,
    'a=sctp-port:5000',
    'a=max-message-size:262144',
  ];
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${mid}${data ? ' data' : ''}`,
    'a=msid-semantic: WMS *',
    `m=video 9 UDP/TLS/RTP/SAVPF ${payloadType} ${rtx}`,
    `c=IN IP4 ${ip}`,
    `a=mid:${mid}`,
    `a=${direction}`,
    'a=rtcp-mux',
    'a=rtcp-rsize',
    ...transport,
    `a=rtpmap:${payloadType} VP8/90000`,
    ...FEEDBACK.map((type) => `a=rtcp-fb:${payloadType} ${type}`),
    `a=rtpmap:${rtx} rtx/90000`,
    `a=fmtp:${rtx} apt=${payloadType}`,
    ...[midExtension, absSendTime, transportCc].map(({ id, uri }) => `a=extmap:${id} ${uri}`),
    ...streams,
    `a=candidate:1 1 udp 2130706431 ${ip} ${port} typ host`,
    'a=end-of-candidates',
    ...(data ? channel : []),
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** The server's side of a transport. */
export interface TheirSide {
  readonly usernameFragment: string;
  readonly password: string;
  readonly ip: string;
  readonly port: number;
  readonly mid: string;
  readonly payloadType: number;
  /** Of the stream that the server sends; 0 if it sends none. */
  readonly ssrc: number;
  /** Ids of header extensions by URI. */
  readonly extensions: ReadonlyMap<string, number>;
}

/** @throws if a required line is missing */
export function readSdp(sdp: string): TheirSide {
  const candidate = [...sdp.matchAll(/^a=candidate:\S+ 1 udp \d+ (\d+\.[\d.]+) (\d+) typ host/gim)];
  const [first] = candidate;
  if (!first) throw new Error(`no IPv4 candidate in:\n${sdp}`);
  const payloadType = Number(found(sdp, /^a=rtpmap:(\d+) VP8\/90000/m));
  return {
    usernameFragment: found(sdp, /^a=ice-ufrag:(\S+)/m),
    password: found(sdp, /^a=ice-pwd:(\S+)/m),
    ip: first[1] ?? '',
    port: Number(first[2]),
    mid: found(sdp, /^a=mid:(\S+)/m),
    payloadType,
    ssrc: Number(/^a=ssrc:(\d+)/m.exec(sdp)?.[1] ?? 0),
    extensions: new Map(
      [...sdp.matchAll(/^a=extmap:(\d+)(?:\/\S+)? (\S+)/gm)].map(([, id, uri]) => [
        uri ?? '',
        Number(id),
      ]),
    ),
  };
}

/** How the publisher must mark its packets, according to this answer. */
export function streamOf(answer: string): Stream {
  const { payloadType, extensions } = readSdp(answer);
  const idOf = ({ uri }: { uri: string }) => extensions.get(uri) ?? 0;
  return {
    ssrc: SSRC,
    payloadType,
    mid: idOf(EXTENSIONS.mid),
    absSendTime: idOf(EXTENSIONS.absSendTime),
    transportCc: idOf(EXTENSIONS.transportCc),
  };
}

function found(sdp: string, pattern: RegExp): string {
  const value = pattern.exec(sdp)?.[1];
  if (value === undefined) throw new Error(`no ${String(pattern)} in:\n${sdp}`);
  return value;
}
