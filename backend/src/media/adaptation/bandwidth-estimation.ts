import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { type Log, runInBackground } from '../../observability/log.ts';
import { boundEstimate, preferSpatialLayer } from '../mediasoup-calls.ts';
import { hasLayers, watchLoss } from './loss-watch.ts';
import { type Rebuilt, withoutEstimation } from '../rtp-parameters.ts';
import { closeQuietly } from '../routing/transports.ts';

type Capabilities = Rebuilt<types.RtpCapabilities>;
type EstimationLimits = Pick<
  Limits,
  'lossyScore' | 'initialLossyEstimateBps' | 'initialLossyEstimateMs' | 'retiringTransportMs'
>;

/**
 * Whether the worker estimates what one viewer's line carries (transport-cc), so that it can choose
 * layers. It costs a third of what a viewer costs, and gains nothing while every layer fits: so it
 * begins when the line is in trouble.
 */
export class BandwidthEstimation {
  readonly #limits: EstimationLimits;
  readonly #log: Log;
  readonly #full: Capabilities;
  readonly #lean: Capabilities;
  readonly #always: boolean;
  readonly #onTrouble: () => void;
  /** Replaced, and still flowing until those that replace them do. */
  readonly #retiring = new Set<types.Consumer>();
  #on: boolean;

  constructor(
    capabilities: Capabilities,
    always: boolean,
    limits: EstimationLimits,
    log: Log,
    onTrouble: () => void,
  ) {
    this.#full = capabilities;
    this.#lean = withoutEstimation(capabilities);
    this.#always = always;
    this.#limits = limits;
    this.#log = log;
    this.#onTrouble = onTrouble;
    this.#on = always;
  }

  /** What consumers are to be made with now. */
  get capabilities(): Capabilities {
    return this.#on ? this.#full : this.#lean;
  }

  transportMade(transport: types.WebRtcTransport): void {
    // TCP loses nothing: what it can't carry piles up, and no score tells of it.
    transport.observer.on('iceselectedtuplechange', ({ protocol }) => {
      if (protocol === 'tcp') this.#trouble();
    });
    if (this.#on) this.beginLow(transport);
  }

  /** Before it flows. */
  consumerMade(consumer: types.Consumer): void {
    if (!this.#on) watchLoss(consumer, this.#limits, () => this.#trouble());
    this.#replaces(consumer);
  }

  #trouble(): void {
    if (this.#on) return;
    this.#on = true;
    this.#onTrouble();
  }

  /** What made the trouble is still on its way; the estimate is not to add to it. */
  beginLow(transport: types.WebRtcTransport): void {
    if (this.#always) return;
    const bound = (bps: number) => {
      if (transport.closed) return;
      const done = boundEstimate(transport, bps).catch((error: unknown) => {
        if (!transport.closed) throw error;
      });
      runInBackground(this.#log, 'bound of the estimate', done);
    };
    bound(this.#limits.initialLossyEstimateBps);
    const timer = setTimeout(() => bound(0), this.#limits.initialLossyEstimateMs);
    timer.unref();
    transport.observer.once('close', () => clearTimeout(timer));
  }

  /** The least that there is, from now on. */
  static async lowest(consumer: types.Consumer): Promise<void> {
    await preferSpatialLayer(consumer, 0).catch((error: unknown) => {
      if (!consumer.closed) throw error;
    });
  }

  /** Goes on until one that replaces it flows, or for a while. */
  retire(consumer: types.Consumer): void {
    this.#retiring.add(consumer);
    const timer = setTimeout(() => closeQuietly(consumer), this.#limits.retiringTransportMs);
    timer.unref();
    consumer.observer.once('close', () => {
      clearTimeout(timer);
      this.#retiring.delete(consumer);
    });
  }

  /** With its first layer the retiring ones are of no use. */
  #replaces(consumer: types.Consumer): void {
    if (this.#retiring.size === 0 || !hasLayers(consumer)) return;
    consumer.observer.on('layerschange', (layers) => {
      if (layers) for (const old of this.#retiring) closeQuietly(old);
    });
  }
}
