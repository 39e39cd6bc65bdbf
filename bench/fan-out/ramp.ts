/** How many viewers a server carries: viewers join until packets are late or lost. */
import type { Loadgen } from '../loadgen/loadgen.ts';
import type { Contender } from '../peers/broadcaster.ts';
import { medianOf } from '../report/stats.ts';
import { type LoadMeasurement, LoadStage, type PaceName } from '../stages/load-stage.ts';

export interface RampOptions {
  readonly loadgen: Loadgen;
  readonly contender: Contender;
  readonly pace: PaceName;
  /** The server may use every core instead of one. */
  readonly allCores: boolean;
  /** Numbers of viewers: the first, how many more each time, and the last. */
  readonly from: number;
  readonly step: number;
  readonly most: number;
  readonly windowMs: number;
}

export interface Ramp {
  readonly contender: string;
  readonly pace: PaceName;
  readonly allCores: boolean;
  /**
   * The largest number of viewers that each got every packet, 99 of 100 within LATE_MS; 0 if not even
   * the first level did.
   */
  readonly carried: number;
  readonly end: 'late' | 'lost' | 'refused' | 'enough';
}

/** A packet with more delay makes its frame one frame late. */
export const LATE_MS = 20;
/** A level that fails is measured again, because the machine may have caused it. */
const ATTEMPTS = 3;

export async function ramp(options: RampOptions): Promise<Ramp> {
  const { loadgen, contender, pace, allCores, from, step, most, windowMs } = options;
  return LoadStage.run({ loadgen, contender, allCores }, async (stage) => {
    let carried = 0;
    const ended = (end: Ramp['end']): Ramp => ({
      contender: contender.id,
      pace,
      allCores,
      carried,
      end,
    });
    stage.setPace(pace);
    for (let level = from; level <= most; level += step) {
      try {
        await stage.grow(level);
      } catch {
        return ended('refused');
      }
      const { lost, p99 } = await bestAttempt(stage, windowMs);
      if (lost > 0) return ended('lost');
      if (p99 > LATE_MS) return ended('late');
      carried = level;
    }
    return ended('enough');
  });
}

/** The first good measurement; otherwise the one with the median delay. */
async function bestAttempt(stage: LoadStage, windowMs: number): Promise<LoadMeasurement> {
  const attempts: LoadMeasurement[] = [];
  while (attempts.length < ATTEMPTS) {
    const measured = await stage.measure(windowMs);
    if (measured.lost === 0 && measured.p99 <= LATE_MS) return measured;
    attempts.push(measured);
  }
  const middle = medianOf(attempts.map(({ p99 }) => p99));
  return attempts.find(({ p99 }) => p99 === middle) ?? attempts[0]!;
}
