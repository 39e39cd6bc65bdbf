/** The addresses on which servers with full ICE and the load generator's legs reach each other. */
import { machineAddresses } from '#config/media.ts';

/**
 * An address of this machine that is not loopback, because Janus accepts none. Packets from this
 * machine to its own addresses go over loopback anyway.
 */
export function peerAddress(): string {
  return machineAddresses()[0] ?? '127.0.0.1';
}

/** Chosen here because it is part of the SDP. It is below the system's range of ephemeral ports. */
export function legPort(id: number): number {
  return 22_000 + id;
}
