/** What forwarding may cost at most, as ratios within each round, and whether it does. */
import { medianOf } from '../report/stats.ts';
import type { Cell, Rounds } from './rounds.ts';
import type { PaceName } from './stage.ts';

interface Target {
  readonly contender: string;
  readonly pace: PaceName;
  readonly against: string;
  readonly most: number;
}

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

/** Rows of a table; empty where none of it was measured. */
export function targetRows(
  titles: Readonly<Record<string, string>>,
  paces: Readonly<Record<PaceName, string>>,
  { cells }: Rounds,
): string[] {
  return TARGETS.flatMap(({ contender, pace, against, most }) => {
    const ratio = ratioOf(cells, contender, pace, against);
    if (ratio === undefined) return [];
    const words = [titles[contender] ?? contender, paces[pace], titles[against] ?? 'the floor'];
    const met = ratio <= most ? 'yes' : '**no**';
    return [`| ${[...words, ratio.toFixed(2), `≤ ${most}`, met].join(' | ')} |`];
  });
}

/** Median over the rounds of the ratio within one, as rounds differ more than servers in one do. */
function ratioOf(
  cells: readonly Cell[],
  contender: string,
  pace: PaceName,
  against: string,
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
  // Where a run has failed, rounds can't be told apart any more.
  if (own.values.length !== other.values.length) return own.cpuPerPacketUs / other.cpuPerPacketUs;
  return medianOf(own.values.map((value, i) => value / (other.values[i] ?? Number.NaN)));
}
