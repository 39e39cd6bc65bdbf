import type { TransportDescription } from '#protocol/signalling.ts';
import type { MediaAddress } from '../connection/diagnosis.ts';

/** The addresses to which the server asks a page to send media. */
export function mediaAddresses({
  iceCandidates,
}: Pick<TransportDescription, 'iceCandidates'>): MediaAddress[] {
  return iceCandidates.map(({ address, ip, port, protocol }) => ({
    // Servers before mediasoup 3.14 sent `ip` only.
    address: address ?? ip,
    port,
    protocol,
  }));
}
