import { offeredCandidates } from '#config/media.ts';
import type { types } from '../types.ts';
import type { Metrics } from '../../observability/metrics.ts';

/** How often the log reports pages without media: every stranger can cause such a report. */
const LOG_INTERVAL_MS = 60_000;

/** What did not arrive from a page: nothing at all, or the encrypted connection does not start. */
export type Unreached = 'no-packet' | 'no-dtls';

interface ReachLog {
  warn(fields: object, sentence: string): void;
}

type WatchedTransport = Pick<types.WebRtcTransport, 'iceState' | 'iceCandidates'>;

/**
 * Notices pages that reach the server by HTTP but not its media ports: the commonest mistake of a new
 * server is a firewall that opens only the port of the pages.
 */
export class MediaReach {
  readonly #log: ReachLog;
  readonly #metrics: Pick<Metrics, 'mediaUnreached'>;
  readonly #now: () => number;
  #quietUntil = Number.NEGATIVE_INFINITY;
  #unreached = 0;
  #reached = 0;

  /** @param now ms, monotonic */
  constructor(
    log: ReachLog,
    metrics: Pick<Metrics, 'mediaUnreached'>,
    now: () => number = () => performance.now(),
  ) {
    this.#log = log;
    this.#metrics = metrics;
    this.#now = now;
  }

  /** A page's media came up. */
  reached(): void {
    this.#reached += 1;
  }

  /** A page was sent the addresses of `transport` some seconds ago, and its media is not up. */
  unreached({ iceState, iceCandidates }: WatchedTransport): void {
    const reason: Unreached = iceState === 'new' ? 'no-packet' : 'no-dtls';
    this.#metrics.mediaUnreached(reason);
    this.#unreached += 1;
    const now = this.#now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + LOG_INTERVAL_MS;
    const offered = offeredCandidates(iceCandidates);
    const ports = distinct(offered.map(({ port, protocol }) => `${port}/${protocol}`));
    const addresses = distinct(offered.map(({ address }) => address));
    this.#log.warn(
      { reason, addresses, ports, pagesWithout: this.#unreached, pagesWith: this.#reached },
      reason === 'no-packet'
        ? 'a page reaches this server, but nothing arrives from it at the media port: check the firewall (UDP and TCP), and that browsers can reach these addresses (ANNOUNCED_ADDRESS)'
        : 'packets of a page arrive at the media port, but its encrypted connection does not start: answers may be lost on their way',
    );
    this.#unreached = 0;
    this.#reached = 0;
  }
}

function distinct(values: readonly string[]): string {
  return [...new Set(values)].join(', ');
}
