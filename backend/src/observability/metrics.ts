/** Defines all counters and histograms. The only file that uses prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { ERRORS, type ErrorCode } from '#protocol/errors.ts';
import { JOIN_STEPS, JOIN_WAYS, type JoinTrace } from '#protocol/join-trace.ts';
import { REQUESTS, type RequestName } from '#protocol/signalling.ts';

/** The ways in which a broadcast or a page recovers, as far as the server can see. */
export const RECOVERIES = [
  'session-resumed',
  'ice-restarted',
  'transport-renewed',
  'consumers-renewed',
  'rejoined',
  'publisher-takeover',
  'worker-replaced',
] as const;
export type Recovery = (typeof RECOVERIES)[number];

export const WORKER_LOSSES = ['died', 'hung', 'not-started'] as const;
export type WorkerLoss = (typeof WORKER_LOSSES)[number];

export const OVERLAY_FATES = ['taken', 'dropped'] as const;
export type OverlayFate = (typeof OVERLAY_FATES)[number];

/** A request that does not wait for media takes about 1 ms, a join on an idle worker 3 ms. */
const REQUEST_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From the first byte of a page's handshake to its answer, including intercontinental round trips. */
const JOIN_BUCKETS_S = [0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30];
/** Steps of a join, measured by the page's clock: a few round trips each. */
const JOIN_STEP_BUCKETS_S = [0.025, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6, 0.9, 1.5, 3, 10];

/**
 * The metrics of one server, in their own registry. Label values always come from a closed list: no
 * room name, no address and nothing else that a client chooses.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #refused: Counter<'code'>;
  readonly #requests: Histogram<'request'>;
  readonly #joins: Histogram<'role'>;
  readonly #joinSteps: Histogram<'step' | 'way'>;
  readonly #recoveries: Counter<'kind'>;
  readonly #workerLosses: Counter<'reason'>;
  readonly #overlay: Counter<'fate'>;
  readonly #overlayBytes: Counter;
  readonly #mediaBytes: Counter<'direction'>;
  readonly #packetsLost: Counter;
  readonly #mediaUnreached: Counter<'reason'>;
  readonly #websocketsBlocked: Counter;

  constructor() {
    const registers = [this.registry];
    this.#refused = new Counter({
      name: 'onecast_refused_total',
      help: 'Requests, connections and sessions refused or closed, by error code.',
      labelNames: ['code'],
      registers,
    });
    this.#requests = new Histogram({
      name: 'onecast_request_seconds',
      help: 'Time from a request to its answer, including refusals.',
      labelNames: ['request'],
      buckets: REQUEST_BUCKETS_S,
      registers,
    });
    this.#joins = new Histogram({
      name: 'onecast_join_seconds',
      help: 'Time from the handshake of a socket to the answer that admits its page.',
      labelNames: ['role'],
      buckets: JOIN_BUCKETS_S,
      registers,
    });
    this.#joinSteps = new Histogram({
      name: 'onecast_join_step_seconds',
      help: 'Time from the start of the script of a viewer’s page to each step of its join, as reported by the page.',
      labelNames: ['step', 'way'],
      buckets: JOIN_STEP_BUCKETS_S,
      registers,
    });
    this.#recoveries = new Counter({
      name: 'onecast_recoveries_total',
      help: 'Recoveries of a page or a broadcast, by kind.',
      labelNames: ['kind'],
      registers,
    });
    this.#workerLosses = new Counter({
      name: 'onecast_worker_losses_total',
      help: 'Media workers that were lost, and replacements that did not start, by reason.',
      labelNames: ['reason'],
      registers,
    });
    this.#overlay = new Counter({
      name: 'onecast_overlay_messages_total',
      help: 'Overlay messages of publishers and their programs: accepted (taken), or dropped by the schema.',
      labelNames: ['fate'],
      registers,
    });
    this.#overlayBytes = new Counter({
      name: 'onecast_overlay_bytes_total',
      help: 'Bytes of the overlay messages that publishers sent.',
      registers,
    });
    this.#mediaBytes = new Counter({
      name: 'onecast_media_bytes_total',
      help: 'Bytes on the transports of publishers (in) and viewers (out). Transports are polled in turn: bytes between the last poll of a transport and its end are not counted.',
      labelNames: ['direction'],
      registers,
    });
    this.#packetsLost = new Counter({
      name: 'onecast_publisher_packets_lost_total',
      help: 'RTP packets of publishers that were lost and not retransmitted.',
      registers,
    });
    this.#mediaUnreached = new Counter({
      name: 'onecast_media_unreached_total',
      help: 'Transports of pages that had something to carry and did not come up in time: nothing arrived at the media port (no-packet), or DTLS did not start (no-dtls).',
      labelNames: ['reason'],
      registers,
    });
    this.#websocketsBlocked = new Counter({
      name: 'onecast_websockets_blocked_total',
      help: 'Websockets that arrived as plain requests, because something in front of the server does not pass the upgrade on.',
      registers,
    });
    // A series that exists from the start shows its first event as an increase.
    for (const code of Object.keys(ERRORS)) this.#refused.inc({ code }, 0);
    for (const request of Object.keys(REQUESTS)) this.#requests.zero({ request });
    for (const role of ['publisher', 'viewer']) this.#joins.zero({ role });
    for (const way of JOIN_WAYS) {
      for (const step of JOIN_STEPS) this.#joinSteps.zero({ step, way });
    }
    for (const kind of RECOVERIES) this.#recoveries.inc({ kind }, 0);
    for (const reason of WORKER_LOSSES) this.#workerLosses.inc({ reason }, 0);
    for (const reason of ['no-packet', 'no-dtls']) this.#mediaUnreached.inc({ reason }, 0);
    for (const fate of OVERLAY_FATES) this.#overlay.inc({ fate }, 0);
    for (const direction of ['in', 'out']) this.#mediaBytes.inc({ direction }, 0);
  }

  /** Adds metrics of the process itself. Call once per process: Node can't remove these observers. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  refused(code: ErrorCode): void {
    this.#refused.inc({ code });
  }

  answered(request: RequestName, seconds: number): void {
    this.#requests.observe({ request }, seconds);
  }

  joined(role: 'publisher' | 'viewer', seconds: number): void {
    this.#joins.observe({ role }, seconds);
  }

  joinTraced({ way, steps }: JoinTrace): void {
    for (const step of JOIN_STEPS) {
      const ms = steps[step];
      if (ms !== undefined) this.#joinSteps.observe({ step, way }, ms / 1_000);
    }
  }

  recovered(kind: Recovery): void {
    this.#recoveries.inc({ kind });
  }

  workerLost(reason: WorkerLoss): void {
    this.#workerLosses.inc({ reason });
  }

  overlay(fate: OverlayFate, bytes: number): void {
    this.#overlay.inc({ fate });
    this.#overlayBytes.inc(bytes);
  }

  mediaBytes(direction: 'in' | 'out', bytes: number): void {
    this.#mediaBytes.inc({ direction }, bytes);
  }

  packetsLost(packets: number): void {
    this.#packetsLost.inc(packets);
  }

  mediaUnreached(reason: 'no-packet' | 'no-dtls'): void {
    this.#mediaUnreached.inc({ reason });
  }

  websocketBlocked(): void {
    this.#websocketsBlocked.inc();
  }

  /**
   * Adds a series whose samples are read at each scrape. A counter may restart from 0, as Prometheus
   * allows.
   */
  series(
    type: 'gauge' | 'counter',
    name: string,
    help: string,
    read: () => Iterable<Sample>,
  ): void {
    const registers = [this.registry];
    const labelNames = [...SERIES_LABELS];
    if (type === 'gauge') {
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect: () => {
          gauge.reset();
          for (const [value, labels] of read()) gauge.set(labels ?? {}, value);
        },
      });
    } else {
      const counter: Counter = new Counter({
        name,
        help,
        labelNames,
        registers,
        collect: () => {
          counter.reset();
          for (const [value, labels] of read()) counter.inc(labels ?? {}, value);
        },
      });
    }
  }
}

const SERIES_LABELS = [
  'worker',
  'mode',
  'status',
  'role',
  'process',
  'state',
  'way',
  'method',
  'reason',
] as const;

/** One value of a series, with its labels. */
export type Sample = readonly [
  value: number,
  labels?: Readonly<Partial<Record<(typeof SERIES_LABELS)[number], string | number>>>,
];
