import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { offeredCandidates, webRtcTransportOptions } from '#config/media.ts';
import type { TransportDescription } from '#protocol/signalling.ts';

export function createTransport(
  router: types.Router,
  webRtcServer: types.WebRtcServer,
  limits: Limits,
): Promise<types.WebRtcTransport> {
  return router.createWebRtcTransport({ webRtcServer, ...webRtcTransportOptions(limits) });
}

/** What the page needs to create its side of the transport. */
export function describeTransport(transport: types.WebRtcTransport): TransportDescription {
  if (transport.sctpParameters === undefined) throw new Error('the transport has no SCTP');
  return {
    id: transport.id,
    iceParameters: transport.iceParameters,
    iceCandidates: offeredCandidates(transport.iceCandidates),
    dtlsParameters: transport.dtlsParameters,
    sctpParameters: transport.sctpParameters,
  };
}

/** True while media can flow: DTLS is connected and ICE has not failed. */
export function isUp(transport: types.WebRtcTransport): boolean {
  return (
    !transport.closed &&
    transport.dtlsState === 'connected' &&
    (transport.iceState === 'connected' || transport.iceState === 'completed')
  );
}

/**
 * Closes a mediasoup object and never throws. mediasoup's own `close()` throws if the channel to the
 * worker is broken, and many closes run in timers, where an exception would end the process. The
 * watchdog replaces such a worker.
 */
export function closeQuietly(closable: { close(): void }): void {
  try {
    closable.close();
  } catch {
    // The object is closed in this process; the worker's side ends when the worker is killed.
  }
}
