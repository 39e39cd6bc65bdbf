/** The codecs of the routers, and the options of WebRtcServers and transports. */
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

/**
 * The UDP and the TCP port of a worker (counted from 0). With an announced address the sockets listen
 * on MEDIA_LISTEN_ADDRESS; without one, on loopback and every IPv4 address of this machine, so that
 * pages on this machine and on the local network both find a working candidate.
 */
export function listenInfos(
  config: Config,
  limits: Limits,
  workerIndex: number,
): types.TransportListenInfo[] {
  const port = config.mediaPort + workerIndex;
  const targets = config.announcedAddress
    ? [{ ip: config.mediaListenAddress, announcedAddress: config.announcedAddress }]
    : machineAddresses().map((ip) => ({ ip }));
  return (['udp', 'tcp'] as const).flatMap((protocol) =>
    targets.map((target) => ({
      protocol,
      ...target,
      port,
      ...(protocol === 'udp' && {
        recvBufferSize: limits.socketBufferBytes,
        sendBufferSize: limits.socketBufferBytes,
      }),
    })),
  );
}

/** IPv4 addresses to listen on. Loopback is last because ICE prefers candidates in this order. */
export function machineAddresses(interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const ipv4 = all.filter((entry) => entry.family === 'IPv4');
  const external = ipv4.filter((entry) => !entry.internal).map((entry) => entry.address);
  return [...new Set([...external, '127.0.0.1'])];
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
