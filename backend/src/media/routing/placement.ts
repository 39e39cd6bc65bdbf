import type { Limits } from '#config/limits.ts';

type PlacementLimits = Pick<Limits, 'workerBusyShare' | 'spreadGainShare'>;

/** What the choice of a worker depends on. */
export interface WorkerCandidate<W> {
  readonly worker: W;
  /** Share of a core, from 0. */
  readonly load: number;
  /** Number of open transports; decides between workers that are about equally busy. */
  readonly transports: number;
  /** The room has a router on this worker. Such workers come first, in the order of their routers' creation. */
  readonly inRoom: boolean;
}

/** Loads are compared in steps of 1/20: the measured load of an idle worker is never exactly 0. */
const LOAD_STEPS = 20;

/** Chooses the worker for a room that has none yet: the least busy one. */
export function placeRoom<W>(candidates: readonly WorkerCandidate<W>[]): W | undefined {
  return leastBusy(candidates)?.worker;
}

/**
 * Chooses the worker for a room's next viewer: one that the room is already on while that is not busy,
 * because each further worker costs a pipe; else a worker that is clearly less busy; else the least
 * busy of the room's own.
 */
export function placeViewer<W>(
  candidates: readonly WorkerCandidate<W>[],
  limits: PlacementLimits,
): W | undefined {
  const own = candidates.filter(({ inRoom }) => inRoom);
  const idle = own.find(({ load }) => load < limits.workerBusyShare);
  if (idle) return idle.worker;
  const best = leastBusy(own);
  const other = leastBusy(candidates.filter(({ inRoom }) => !inRoom));
  if (!best) return other?.worker;
  if (other && other.load + limits.spreadGainShare <= best.load) return other.worker;
  return best.worker;
}

function leastBusy<W>(candidates: readonly WorkerCandidate<W>[]): WorkerCandidate<W> | undefined {
  const step = ({ load }: WorkerCandidate<W>) => Math.round(load * LOAD_STEPS);
  return candidates.toSorted((a, b) => step(a) - step(b) || a.transports - b.transports)[0];
}
