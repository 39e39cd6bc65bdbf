/** The codecs of the routers, and the options of WebRtcServers and transports. */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { types } from 'mediasoup';
import { OVERLAY_MAX_BYTES } from '#protocol/overlay.ts';
import type { Config } from './env.ts';
import type { Limits } from './limits.ts';

/**
 * VP8 and Opus first: every browser supports both, and VP8 simulcast works in all of them, so our pages
 * use them. H264 and AV1 are for encoders. H264 has one entry, which stands for every profile
 * (backend/src/whip/offer.ts). Their payload types are fixed so that a page loaded before a restart still matches the server after it.
 */
export const ROUTER_CODECS: types.RouterRtpCodecCapability[] = [
  {
    kind: 'audio',
    mimeType: 'audio/opus',
    clockRate: 48_000,
    channels: 2,
    preferredPayloadType: 100,
  },
  {
    kind: 'video',
    mimeType: 'video/VP8',
    clockRate: 90_000,
    preferredPayloadType: 101,
    // Without it Chromium starts at 300 kbit/s and needs seconds to reach the upper layers.
    parameters: { 'x-google-start-bitrate': 1_000 },
  },
  {
    kind: 'video',
    mimeType: 'video/H264',
    clockRate: 90_000,
    preferredPayloadType: 103,
    parameters: {
      'packetization-mode': 1,
      'profile-level-id': '42e01f',
      'level-asymmetry-allowed': 1,
    },
  },
  { kind: 'video', mimeType: 'video/AV1', clockRate: 90_000, preferredPayloadType: 105 },
];

/**
 * The RTP header extensions that pages are offered, of those that mediasoup knows. One that changes what
 * a receiver has to do with a picture is left out, because not every browser does it:
 * `urn:3gpp:video-orientation` makes Chromium send the pictures of an upright phone lying on their side,
 * with the angle next to them, and Firefox ignores the angle. Without it the publisher's browser turns
 * the pictures before it encodes them, or its page does (UprightTrack). `playout-delay` is left out too:
 * how long a viewer holds its video back is the viewer's choice.
 */
export const HEADER_EXTENSIONS: ReadonlySet<string> = new Set<types.RtpHeaderExtensionUri>([
  // To which media section of the SDP a packet belongs.
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  // The publisher's simulcast layers, and their retransmissions.
  'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  // Bandwidth estimation: transport-cc, and REMB where a browser lacks it.
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  // When a packet was really sent: receivers estimate jitter by it.
  'urn:ietf:params:rtp-hdrext:toffset',
  // Capture times over a relay, for audio and video in sync.
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time',
  // How loud a packet is, without decoding it.
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
]);

type MediaConfig = Pick<Config, 'mediaPort' | 'mediaListenAddress' | 'announcedAddress'>;

/** A socket on which a worker receives media. */
export interface MediaSocket {
  readonly protocol: 'udp' | 'tcp';
  readonly ip: string;
  readonly port: number;
}

/** The UDP and TCP sockets of a worker (counted from 0), for IPv4 and IPv6 where the machine has both. */
export function mediaSockets(
  config: MediaConfig,
  workerIndex: number,
  interfaces = networkInterfaces(),
): MediaSocket[] {
  const port = config.mediaPort + workerIndex;
  return (['udp', 'tcp'] as const).flatMap((protocol) =>
    listenAddresses(config, interfaces).map((ip) => ({ protocol, ip, port })),
  );
}

/**
 * Without MEDIA_LISTEN_ADDRESS, media listens on all addresses of the family of ANNOUNCED_ADDRESS, or of
 * both. It does not listen on each address alone: this machine may get another one at any time.
 */
function listenAddresses(config: MediaConfig, interfaces: Interfaces): string[] {
  if (config.mediaListenAddress !== undefined) return [config.mediaListenAddress];
  const family = isIP(config.announcedAddress ?? '');
  if (family !== 0) return [family === 4 ? ANY_IPV4 : ANY_IPV6];
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  return all.some((entry) => entry.family === 'IPv6') ? [ANY_IPV4, ANY_IPV6] : [ANY_IPV4];
}

/** The same sockets as mediasoup takes them. */
export function listenInfos(
  config: MediaConfig,
  limits: Limits,
  workerIndex: number,
): types.TransportListenInfo[] {
  return mediaSockets(config, workerIndex).map((socket) => ({
    ...socket,
    ...(config.announcedAddress !== undefined && { announcedAddress: config.announcedAddress }),
    // IPv4 has a socket of its own.
    ...(socket.ip === ANY_IPV6 && { flags: { ipv6Only: true } }),
    ...(socket.protocol === 'udp' && {
      recvBufferSize: limits.socketBufferBytes,
      sendBufferSize: limits.socketBufferBytes,
    }),
  }));
}

/** What mediasoup takes off the local preference of a candidate from one address to the next. */
const PREFERENCE_STEP = 100 * 256;

/**
 * The candidates that a page gets. mediasoup knows only on what it listens; where that is every address
 * and none is announced, the page gets the addresses that this machine has now.
 */
export function offeredCandidates(
  candidates: readonly types.IceCandidate[],
  addresses: readonly string[] = machineAddresses(),
): types.IceCandidate[] {
  const fixed = candidates.filter(({ address }) => ANY_FAMILY[address] === undefined);
  const onAny = (['udp', 'tcp'] as const).flatMap((protocol) => {
    const sockets = candidates.filter(
      (candidate) => candidate.protocol === protocol && !fixed.includes(candidate),
    );
    // Of both families together the first address is the one to try first.
    const highest = Math.max(...sockets.map(({ priority }) => priority));
    return addresses.flatMap((address, i) => {
      const socket = sockets.find((candidate) => ANY_FAMILY[candidate.address] === isIP(address));
      if (!socket) return [];
      return [{ ...socket, address, ip: address, priority: highest - i * PREFERENCE_STEP }];
    });
  });
  const offered = [...fixed, ...onAny];
  // A name that is announced for IPv4 and for IPv6 is one candidate.
  const keys = offered.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`);
  return offered.filter((_, i) => keys.indexOf(keys[i] ?? '') === i);
}

type Interfaces = ReturnType<typeof networkInterfaces>;

const ANY_IPV4 = '0.0.0.0';
const ANY_IPV6 = '::';
const ANY_FAMILY: Readonly<Record<string, 4 | 6>> = { [ANY_IPV4]: 4, [ANY_IPV6]: 6 };
/** A page on this machine finds the server here, whatever its network does. */
const LOOPBACK = '127.0.0.1';

/**
 * The addresses by which pages may reach this machine: IPv4 first, then IPv6 without those that are valid
 * on one link only. Loopback is last because ICE prefers candidates in this order.
 */
export function machineAddresses(interfaces: Interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const external = all.filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  const of = (family: 'IPv4' | 'IPv6') =>
    external.filter((entry) => entry.family === family).map(({ address }) => address);
  return [...new Set([...of('IPv4'), ...of('IPv6'), LOOPBACK])];
}

/** Options that every WebRtcTransport has. */
export function webRtcTransportOptions(limits: Limits) {
  return {
    enableUdp: true,
    enableTcp: true,
    preferUdp: true,
    enableSctp: true,
    iceConsentTimeout: limits.iceConsentTimeoutS,
    initialAvailableOutgoingBitrate: limits.initialOutgoingBitrateBps,
    sctpSendBufferSize: limits.sctpSendBufferBytes,
    sctpPerStreamSendQueueLimit: limits.sctpSendBufferBytes,
    sctpMaxReceiverWindowBufferSize: limits.sctpReceiveWindowBytes,
    // The worker drops larger messages.
    maxReceiveMessageSize: OVERLAY_MAX_BYTES,
  } as const;
}
