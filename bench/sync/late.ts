/** Analysis that takes its time, with the picture held back for it and without. */
import { setTimeout as delay } from 'node:timers/promises';
import { figuresOf } from './figures.ts';
import { lookAtFrames, overlayOn } from './measure.ts';
import { type LineName, LINES } from './rows.ts';
import { openStage } from './stage.ts';

export interface LateRow {
  readonly line: LineName;
  readonly inStep: 'off' | 'auto';
  /** Messages whose frame the viewer has shown. */
  readonly messages: number;
  /** Of those, % that were on their frame when it appeared, and before it went. */
  readonly atOnce: number;
  readonly atLast: number;
  /** By how much the viewer asked for the picture to be held back at the end, ms. */
  readonly heldBackMs: number;
  readonly at: string;
}

/** As long as a model of some size takes on a small machine. */
const ANALYSIS = { afterMs: 150, spreadMs: 100 } as const;
/** The viewer has found its delay and the browser has moved the picture there: 100 ms take a second. */
const SETTLE_MS = 20_000;

/** Chromium to Chromium, one layer. The analysis looks at one frame at a time. */
export async function measureLate(frames: number, say: (line: string) => void): Promise<LateRow[]> {
  const rows: LateRow[] = [];
  for (const line of ['direct', 'poor'] as const) {
    const stage = await openStage({
      publisher: 'chromium',
      viewer: 'chromium',
      layers: 'single',
      line: LINES[line],
    });
    try {
      await overlayOn(stage, ANALYSIS);
      await stage.viewer.evaluate(() => viewerBench.match('tag'), undefined);
      for (const inStep of ['off', 'auto'] as const) {
        await stage.viewer.evaluate((mode) => onecast?.setPlayoutDelay?.(mode), inStep);
        await delay(SETTLE_MS);
        const { seen, sent } = await lookAtFrames(stage, { layers: 'single', frames });
        const figures = figuresOf(seen, sent);
        const row: LateRow = {
          line,
          inStep,
          messages: figures.frames,
          atOnce: figures.ownAtOnce,
          atLast: figures.ownAtLast,
          heldBackMs: Math.round(seen.at(-1)?.delayMs ?? 0),
          at: new Date().toISOString(),
        };
        rows.push(row);
        say(`late, ${line}, in step ${inStep}: ${JSON.stringify(row)}`);
      }
    } finally {
      await stage.close();
    }
  }
  return rows;
}
