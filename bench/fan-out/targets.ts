/** The most that forwarding may cost, as ratios within each round. */
import { forStorage, medianOf } from '../report/stats.ts';
import type { PaceName } from '../stages/load-stage.ts';
import type { RoundsCell } from './rounds.ts';

interface Target {
  readonly contender: string;
  readonly pace: PaceName;
  readonly against: string;
  readonly most: number;
}

export interface TargetRatio extends Target {
  /** Median over the rounds. */
  readonly ratio: number;
}

/** Viewers. */
export const TARGET_LEVEL = 200;
const FLOOR = 'floor';
const unbatched = (pace: PaceName): readonly Target[] => [
  { contender: 'onecast-unbatched', pace, against: 'janus', most: 0.7 },
  { contender: 'onecast-unbatched', pace, against: 'pion', most: 0.5 },
  { contender: 'onecast-unbatched', pace, against: FLOOR, most: 2 },
];
const TARGETS: readonly Target[] = [
  { contender: 'onecast', pace: 'bursty', against: 'janus', most: 0.45 },
  { contender: 'onecast', pace: 'bursty', against: 'pion', most: 0.3 },
  { contender: 'onecast', pace: 'bursty', against: FLOOR, most: 1.3 },
  ...unbatched('bursty'),
  ...unbatched('paced'),
];

/** The targets for which both sides were measured. */
export function targetRatios(cells: readonly RoundsCell[]): TargetRatio[] {
  return TARGETS.flatMap((target) => {
    const ratio = ratioOf(cells, target);
    return ratio === undefined ? [] : [{ ...target, ratio: forStorage(ratio) }];
  });
}

/** The ratio within each round, because rounds differ more than the servers in one round do. */
function ratioOf(
  cells: readonly RoundsCell[],
  { contender, pace, against }: Target,
): number | undefined {
  const find = (id: string) =>
    cells.find(
      (cell) => cell.contender === id && cell.pace === pace && cell.viewers === TARGET_LEVEL,
    );
  const own = find(contender);
  if (!own) return undefined;
  if (against === FLOOR) return own.timesFloor;
  const other = find(against);
  if (!other) return undefined;
  // After a failed run the values can't be paired by round: compare the medians instead.
  if (own.values.length !== other.values.length) return own.cpuPerPacketUs / other.cpuPerPacketUs;
  return medianOf(own.values.map((value, i) => value / (other.values[i] ?? Number.NaN)));
}
