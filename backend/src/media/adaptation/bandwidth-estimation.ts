import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { type Log, runInBackground } from '../../observability/log.ts';
import { limitOutgoing, preferSpatialLayer } from '../mediasoup-calls.ts';
import { type Rebuilt, withoutEstimation } from '../rtp-parameters.ts';
import { closeQuietly } from '../routing/transports.ts';

type Capabilities = Rebuilt<types.RtpCapabilities>;
type EstimationLimits = Pick<
  Limits,
  'lossyScore' | 'initialLossyEstimateBps' | 'initialLossyEstimateMs' | 'retiringTransportMs'
>;

/**
 * Decides whether the worker estimates the bandwidth of the path to one viewer (transport-cc), which
 * it needs to choose simulcast layers. Estimation costs a third of what a viewer costs, and gains
 * nothing while every layer fits. So it is off until the path turns out to be lossy.
 */
export class BandwidthEstimation {
  readonly #limits: EstimationLimits;
  readonly #log: Log;
  readonly #withEstimation: Capabilities;
  readonly #withoutEstimation: Capabilities;
  readonly #always: boolean;
  readonly #onLossyPath: () => void;
  /** Consumers that were replaced, and still send until their replacements do. */
  readonly #retiring = new Set<types.Consumer>();
  #enabled: boolean;

  /**
   * @param always estimate from the start (BANDWIDTH_ESTIMATION=always)
   * @param onLossyPath called once, when estimation begins because the path is lossy
   */
  constructor(
    capabilities: Capabilities,
    always: boolean,
    limits: EstimationLimits,
    log: Log,
    onLossyPath: () => void,
  ) {
    this.#withEstimation = capabilities;
    this.#withoutEstimation = withoutEstimation(capabilities);
    this.#always = always;
    this.#limits = limits;
    this.#log = log;
    this.#onLossyPath = onLossyPath;
    this.#enabled = always;
  }

  /** The RTP capabilities to create the next consumer with. */
  get capabilities(): Capabilities {
    return this.#enabled ? this.#withEstimation : this.#withoutEstimation;
  }

  transportCreated(transport: types.WebRtcTransport): void {
    // TCP loses no packets: what the path can't carry queues up, and no score shows that.
    transport.observer.on('iceselectedtuplechange', ({ protocol }) => {
      if (protocol === 'tcp') this.#pathIsLossy();
    });
    if (this.#enabled) this.startLow(transport);
  }

  /** Call this before the consumer sends. */
  consumerCreated(consumer: types.Consumer): void {
    if (!this.#enabled) watchLoss(consumer, this.#limits, () => this.#pathIsLossy());
    this.#closeRetiringOnFirstLayer(consumer);
  }

  #pathIsLossy(): void {
    if (this.#enabled) return;
    this.#enabled = true;
    this.#onLossyPath();
  }

  /** The packets that filled the path are still queued: the estimate starts low, not to add to them. */
  startLow(transport: types.WebRtcTransport): void {
    if (this.#always) return;
    const limit = (bps: number) => {
      if (transport.closed) return;
      const done = limitOutgoing(transport, bps).catch((error: unknown) => {
        if (!transport.closed) throw error;
      });
      runInBackground(this.#log, 'limit of the outgoing bitrate', done);
    };
    limit(this.#limits.initialLossyEstimateBps);
    const timer = setTimeout(() => limit(0), this.#limits.initialLossyEstimateMs);
    timer.unref();
    transport.observer.once('close', () => clearTimeout(timer));
  }

  static async preferLowestLayer(consumer: types.Consumer): Promise<void> {
    await preferSpatialLayer(consumer, 0).catch((error: unknown) => {
      if (!consumer.closed) throw error;
    });
  }

  /** Closes the consumer when its replacement sends, or after `retiringTransportMs`. */
  retire(consumer: types.Consumer): void {
    this.#retiring.add(consumer);
    const timer = setTimeout(() => closeQuietly(consumer), this.#limits.retiringTransportMs);
    timer.unref();
    consumer.observer.once('close', () => {
      clearTimeout(timer);
      this.#retiring.delete(consumer);
    });
  }

  #closeRetiringOnFirstLayer(consumer: types.Consumer): void {
    if (this.#retiring.size === 0 || !hasLayers(consumer)) return;
    consumer.observer.on('layerschange', (layers) => {
      if (layers) for (const old of this.#retiring) closeQuietly(old);
    });
  }
}

/** The part of a mediasoup Consumer that `watchLoss` uses. */
interface ScoredConsumer extends Pick<types.Consumer, 'kind' | 'type'> {
  readonly observer: {
    on(event: 'score', listener: (score: types.ConsumerScore) => void): unknown;
  };
}

/**
 * Calls `onLoss` when packets are lost between the worker and a viewer without estimation. The worker
 * scores each stream from the viewer's receiver reports: by the packets that were lost and not
 * repaired. It emits a score only when the score changes, so a good path costs nothing. Packets lost
 * between the publisher and the worker lower the producer's score too, and don't count.
 */
export function watchLoss(
  consumer: ScoredConsumer,
  { lossyScore }: Pick<Limits, 'lossyScore'>,
  onLoss: () => void,
): void {
  if (!hasLayers(consumer)) return;
  consumer.observer.on('score', ({ score, producerScore }) => {
    if (score <= lossyScore && score < producerScore) onLoss();
  });
}

/** Without layers there is nothing to choose: every viewer gets the one stream. */
export function hasLayers({ kind, type }: Pick<types.Consumer, 'kind' | 'type'>): boolean {
  return kind === 'video' && (type === 'simulcast' || type === 'svc');
}
