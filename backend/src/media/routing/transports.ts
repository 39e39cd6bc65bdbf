import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { webRtcTransportOptions } from '#config/media.ts';
import type { TransportDescription } from '#protocol/signalling.ts';

export function createTransport(
  router: types.Router,
  webRtcServer: types.WebRtcServer,
  limits: Limits,
): Promise<types.WebRtcTransport> {
  return router.createWebRtcTransport({ webRtcServer, ...webRtcTransportOptions(limits) });
}

/** What the page needs to build its side. */
export function describeTransport(transport: types.WebRtcTransport): TransportDescription {
  if (transport.sctpParameters === undefined) throw new Error('the transport has no SCTP');
  return {
    id: transport.id,
    iceParameters: transport.iceParameters,
    iceCandidates: transport.iceCandidates,
    dtlsParameters: transport.dtlsParameters,
    sctpParameters: transport.sctpParameters,
  };
}

/** Media can flow: DTLS is up and ICE has not given up. */
export function isUp(transport: types.WebRtcTransport): boolean {
  return (
    !transport.closed &&
    transport.dtlsState === 'connected' &&
    (transport.iceState === 'connected' || transport.iceState === 'completed')
  );
}

/**
 * Never throws: on a worker whose channel is poisoned mediasoup's close() does, and many closes run
 * in timers, where that would end the process. The watchdog replaces such a worker.
 */
export function closeQuietly(made: { close(): void }): void {
  try {
    made.close();
  } catch {
    // Closed on this side; the worker takes the rest with it when it is killed.
  }
}
