import type { Metrics, Recovery } from '../observability/metrics.ts';
import type { Result } from '#protocol/result.ts';
import type { RequestName } from '#protocol/signalling.ts';

const RECOVERY_OF: { readonly [N in RequestName]?: Recovery } = {
  resume: 'session-resumed',
  restartIce: 'ice-restarted',
  renewTransport: 'transport-renewed',
  renewConsumers: 'consumers-renewed',
};

/** Reads from the answers on one socket how pages come in, and how they come back. */
export class RecoveryCount {
  readonly #metrics: Metrics;
  readonly #openedAt = performance.now();
  #resumeRefused = false;
  #entered = false;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  saw(name: RequestName, { ok }: Pick<Result<unknown>, 'ok'>): void {
    if (name === 'resume') this.#resumeRefused = !ok;
    if (!ok) return;
    const recovery = RECOVERY_OF[name];
    if (recovery) this.#metrics.recovered(recovery);
    if (name === 'join' || name === 'publish' || name === 'attach') this.#entrance(name);
    if (name === 'resume') this.#entered = true;
  }

  #entrance(name: 'join' | 'publish' | 'attach'): void {
    if (this.#resumeRefused) {
      this.#resumeRefused = false;
      this.#metrics.recovered('rejoined');
    } else if (!this.#entered) {
      const role = name === 'publish' ? 'publisher' : 'viewer';
      this.#metrics.joined(role, (performance.now() - this.#openedAt) / 1_000);
    }
    this.#entered = true;
  }
}
