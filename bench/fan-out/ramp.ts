/** How many viewers a server carries: more join until packets come late or not at all. */
import type { Loadgen } from '../loadgen/generator.ts';
import type { Contender } from '../peers/broadcaster.ts';
import { medianOf } from '../report/stats.ts';
import { type PaceName, Stage, type Window } from './stage.ts';

export interface RampOptions {
  readonly loadgen: Loadgen;
  readonly contender: Contender;
  readonly pace: PaceName;
  /** Every core, not one. */
  readonly spreadOut: boolean;
  readonly from: number;
  readonly step: number;
  readonly most: number;
  readonly windowMs: number;
}

export interface Ramp {
  readonly contender: string;
  readonly pace: PaceName;
  readonly spreadOut: boolean;
  /** The most viewers of whom each got every packet, 99 of 100 within LATE_MS; 0: not even the first. */
  readonly carried: number;
  readonly end: 'late' | 'lost' | 'refused' | 'enough';
  readonly windows: readonly Window[];
}

/** Past this a picture is one frame late. */
export const LATE_MS = 20;
/** A level that fails is looked at again: this may be the machine's fault. */
const LOOKS = 3;

export async function ramp(options: RampOptions): Promise<Ramp> {
  const { loadgen, contender, pace, spreadOut, from, step, most } = options;
  const windows: Window[] = [];
  let carried = 0;
  const ended = (end: Ramp['end']): Ramp => ({
    contender: contender.id,
    pace,
    spreadOut,
    carried,
    end,
    windows,
  });
  const stage = await Stage.open(loadgen, contender, spreadOut);
  try {
    stage.setPace(pace);
    for (let level = from; level <= most; level += step) {
      try {
        await stage.grow(level);
      } catch {
        return ended('refused');
      }
      const window = await look(stage, options.windowMs);
      windows.push(window);
      if (window.lost > 0) return ended('lost');
      if (window.p99 > LATE_MS) return ended('late');
      carried = level;
    }
    return ended('enough');
  } finally {
    await stage.close();
  }
}

/** The first look that is good, else the median one by delay. */
async function look(stage: Stage, windowMs: number): Promise<Window> {
  const looks: Window[] = [];
  while (looks.length < LOOKS) {
    const window = await stage.measure(windowMs);
    if (window.lost === 0 && window.p99 <= LATE_MS) return window;
    looks.push(window);
  }
  const middle = medianOf(looks.map(({ p99 }) => p99));
  return looks.find(({ p99 }) => p99 === middle) ?? looks[0]!;
}
