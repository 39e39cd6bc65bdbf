/** Addresses that servers with full ICE and the generator's legs meet on. */
import { machineAddresses } from '#config/media.ts';

/**
 * Janus takes no loopback address. What this machine sends to one of its own goes over loopback all
 * the same.
 */
export function peerAddress(): string {
  return machineAddresses()[0] ?? '127.0.0.1';
}

/** Told in the SDP, so not the system's choice; below the range that the system gives out. */
export function legPort(id: number): number {
  return 22_000 + id;
}
