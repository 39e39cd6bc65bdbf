import type { Limits } from '#config/limits.ts';

type PlacementLimits = Pick<Limits, 'workerBusyShare' | 'spreadGainShare'>;

/** A worker as the choice sees it. */
export interface WorkerCandidate<W> {
  readonly worker: W;
  /** Share of a core, from 0. */
  readonly load: number;
  /** Open transports: decides among workers that are about equally busy. */
  readonly transports: number;
  /** The room has a router there. The room's own come in the order in which they were opened. */
  readonly inRoom: boolean;
}

/** Loads within a step are the same: a measure of an idle worker is never quite 0. */
const LOAD_STEPS = 20;

/** The least busy worker, for a room that has none yet. */
export function placeRoom<W>(places: readonly WorkerCandidate<W>[]): W | undefined {
  return leastBusy(places)?.worker;
}

/**
 * Where a room's next viewer goes: with the others while there is room on their workers, since every
 * further worker costs a pipe; else to a worker that is clearly less busy; else to the least busy of
 * the room's own.
 */
export function placeViewer<W>(
  places: readonly WorkerCandidate<W>[],
  limits: PlacementLimits,
): W | undefined {
  const own = places.filter(({ inRoom }) => inRoom);
  const roomy = own.find(({ load }) => load < limits.workerBusyShare);
  if (roomy) return roomy.worker;
  const best = leastBusy(own);
  const other = leastBusy(places.filter(({ inRoom }) => !inRoom));
  if (!best) return other?.worker;
  if (other && other.load + limits.spreadGainShare <= best.load) return other.worker;
  return best.worker;
}

function leastBusy<W>(places: readonly WorkerCandidate<W>[]): WorkerCandidate<W> | undefined {
  const step = ({ load }: WorkerCandidate<W>) => Math.round(load * LOAD_STEPS);
  return places.toSorted((a, b) => step(a) - step(b) || a.transports - b.transports)[0];
}
