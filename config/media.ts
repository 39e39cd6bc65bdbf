/** What the routers speak, and the options of workers, WebRtcServers and transports. */
import { networkInterfaces } from 'node:os';
import type { types } from 'mediasoup';
import { OVERLAY_MAX_BYTES } from '#protocol/overlay.ts';
import type { Config } from './env.ts';
import type { Limits } from './limits.ts';

/**
 * VP8 and Opus: every browser has both, and VP8 simulcast works in all of them. The payload types
 * are fixed so that a page served before a restart fits the server after it.
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
    // Chromium otherwise starts at 300 kbit/s and takes seconds to reach the upper layers.
    parameters: { 'x-google-start-bitrate': 1_000 },
  },
];

/**
 * One UDP and one TCP port for a worker. With an announced address the sockets listen where
 * MEDIA_LISTEN_ADDRESS says; without one, on loopback and every IPv4 address of this machine, so
 * that both a page on this machine and one on the local network find a candidate.
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

/** IPv4 addresses to listen on, the outward ones first: candidates are preferred in this order. */
export function machineAddresses(interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const ipv4 = all.filter((entry) => entry.family === 'IPv4');
  const outward = ipv4.filter((entry) => !entry.internal).map((entry) => entry.address);
  return [...new Set([...outward, '127.0.0.1'])];
}

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
    // A larger one is dropped in the worker and reaches nobody.
    maxReceiveMessageSize: OVERLAY_MAX_BYTES,
  } as const;
}
