/**
 * What tests and benches change of the limits: all their pages and sockets come from one address,
 * and a test asks in milliseconds what a page asks in minutes. Tests of the limits themselves use
 * the real ones.
 */
import type { Limits } from '#config/limits.ts';

const PLENTY = 100_000;

export const ONE_ADDRESS_ENV = {
  MAX_SOCKETS_PER_ADDRESS: String(PLENTY),
  MAX_CONNECTS_PER_ADDRESS: String(PLENTY),
} as const;

export const ONE_ADDRESS_LIMITS = {
  socketsPerAddressMax: PLENTY,
  connectsPerAddressMax: PLENTY,
  roomsPerAddressMax: PLENTY,
  messageBurst: PLENTY,
  messagesPerS: PLENTY,
  overlayRequestBurst: PLENTY,
  overlayRequestsPerS: PLENTY,
  packetBurst: PLENTY,
  packetsPerS: PLENTY,
  mediaChangeBurst: PLENTY,
  mediaChangesPerS: PLENTY,
} as const satisfies Partial<Limits>;
