/** Batched sending as operators see it: one line in the log, and its series. */
import type { Egress } from '../media/workers/egress.ts';
import type { EgressCounters } from '../media/workers/egress-stats.ts';
import type { WorkerPool } from '../media/workers/pool.ts';
import type { Log } from './log.ts';
import type { Metrics, Reading } from './metrics.ts';

const STATES: readonly Egress['state'][] = ['on', 'off', 'unsupported'];
const WAYS = ['segmented', 'single', 'direct'] as const;

export function logEgress(egress: Egress, log: Log): void {
  switch (egress.state) {
    case 'on':
      log.info('batched sending on');
      break;
    case 'off':
      log.info('batched sending off, as configured');
      break;
    case 'unsupported':
      log.warn({ reason: egress.reason }, 'batched sending off: it does not work here');
      break;
  }
}

export function observeEgress(metrics: Metrics, egress: Egress, pool: WorkerPool): void {
  metrics.series('gauge', 'onecast_egress_batching', 'Batched sending: 1 for its state.', () => {
    const missing = egress.state === 'on' && pool.workers.some((worker) => !worker.egress);
    const now = missing ? 'unsupported' : egress.state;
    return STATES.map((state): Reading => [state === now ? 1 : 0, { state }]);
  });
  const ofWorkers = (of: (figures: EgressCounters) => Reading[]) => () =>
    pool.workers.flatMap(({ index, egress: stats }) =>
      stats
        ? of(stats.read()).map(([value, labels]): Reading => [value, { worker: index, ...labels }])
        : [],
    );
  metrics.series(
    'counter',
    'onecast_egress_datagrams_total',
    'Datagrams a worker sent: segmented and single after they were gathered, direct without.',
    ofWorkers((figures) => WAYS.map((way): Reading => [figures[way], { way }])),
  );
  metrics.series(
    'counter',
    'onecast_egress_refused_total',
    'Segmented messages that were refused and sent again one by one.',
    ofWorkers(({ refused }) => [[refused]]),
  );
  metrics.series(
    'counter',
    'onecast_egress_lost_total',
    'Datagrams that were gathered and could not be sent.',
    ofWorkers(({ lost }) => [[lost]]),
  );
}
