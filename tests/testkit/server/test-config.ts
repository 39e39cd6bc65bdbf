/** How the servers of tests and benches are configured. */
import type { Limits } from '#config/limits.ts';

/**
 * Above what any test reaches: all pages and sockets of a test come from one address, and a test
 * sends in milliseconds what a page sends in minutes. Tests of the limits themselves use the real
 * values.
 */
const UNREACHABLE = 100_000;

/** Limits of a server in this process. */
export const TEST_LIMITS = {
  socketsPerAddressMax: UNREACHABLE,
  connectsPerAddressMax: UNREACHABLE,
  roomsPerAddressMax: UNREACHABLE,
  messageBurst: UNREACHABLE,
  messagesPerS: UNREACHABLE,
  overlayRequestBurst: UNREACHABLE,
  overlayRequestsPerS: UNREACHABLE,
  packetBurst: UNREACHABLE,
  packetsPerS: UNREACHABLE,
  mediaChangeBurst: UNREACHABLE,
  mediaChangesPerS: UNREACHABLE,
  /** Tests kill workers that have just started, and wait until the server is ready again. */
  workerSettleMs: 0,
} as const satisfies Partial<Limits>;

/** Variables that raise the limits by address of a server in a process of its own. */
export const TEST_LIMIT_VARIABLES = {
  MAX_SOCKETS_PER_ADDRESS: String(UNREACHABLE),
  MAX_CONNECTS_PER_ADDRESS: String(UNREACHABLE),
} as const;

export interface ServerPlace {
  /** Address of the pages and of media; loopback by default. */
  readonly address?: string;
  /** Port of the pages; 0 by default: any free one. */
  readonly port?: number;
  /** First media port; each worker has one. */
  readonly mediaPort: number;
  readonly workers: number;
}

/** Variables that keep a test server to one address, to its own ports and to the tests' worker binary. */
export function serverVariables({
  address = '127.0.0.1',
  port = 0,
  mediaPort,
  workers,
}: ServerPlace): Record<string, string> {
  const { MEDIASOUP_WORKER_BIN, MEDIA_EGRESS_LIBRARY, MEDIA_EGRESS_BATCHING } = process.env;
  return {
    HOST: address,
    PORT: String(port),
    MEDIA_LISTEN_ADDRESS: address,
    ANNOUNCED_ADDRESS: address,
    MEDIA_PORT: String(mediaPort),
    METRICS_PORT: '0',
    WORKERS: String(workers),
    STATE_DIR: 'none',
    ...(MEDIASOUP_WORKER_BIN !== undefined && { MEDIASOUP_WORKER_BIN }),
    ...(MEDIA_EGRESS_LIBRARY !== undefined && { MEDIA_EGRESS_LIBRARY }),
    ...(MEDIA_EGRESS_BATCHING !== undefined && { MEDIA_EGRESS_BATCHING }),
  };
}
