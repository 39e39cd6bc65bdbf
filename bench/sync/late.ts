/** An analysis that takes time, with a playout delay at the viewer and without. */
import { setTimeout as delay } from 'node:timers/promises';
import { frameStatsOf } from './frame-stats.ts';
import { recordFrames, startOverlay } from './measure.ts';
import { type LinkName, LINKS } from './rows.ts';
import { openSyncStage } from './stage.ts';

export interface LateRow {
  readonly link: LinkName;
  readonly playoutDelay: 'off' | 'auto';
  /** Messages whose frame the viewer has shown. */
  readonly messages: number;
  /** Of `messages`, % that were on their frame when it appeared, and before it disappeared. */
  readonly atOnce: number;
  readonly atLast: number;
  /** The playout delay that the viewer requested at the end, ms. */
  readonly delayMs: number;
}

/** As long as a medium-sized model takes on a small machine. */
const ANALYSIS = { afterMs: 150, spreadMs: 100 } as const;
/** By then the viewer has found its delay and the browser has applied it (100 ms take a second). */
const SETTLE_MS = 20_000;

/** Chromium to Chromium, one layer. The analysis looks at one frame at a time. */
export async function measureLate(frames: number, log: (line: string) => void): Promise<LateRow[]> {
  const rows: LateRow[] = [];
  for (const link of ['direct', 'poor'] as const) {
    const stage = await openSyncStage({
      publisher: 'chromium',
      viewer: 'chromium',
      layers: 'single',
      link: LINKS[link],
    });
    try {
      await startOverlay(stage, ANALYSIS);
      await stage.viewer.evaluate(() => viewerBench.match('tag'), undefined);
      for (const playoutDelay of ['off', 'auto'] as const) {
        await stage.viewer.evaluate((mode) => onecast?.setPlayoutDelay?.(mode), playoutDelay);
        await delay(SETTLE_MS);
        const { seen, sent } = await recordFrames(stage, { layers: 'single', frames });
        const stats = frameStatsOf(seen, sent);
        const row: LateRow = {
          link,
          playoutDelay,
          messages: stats.frames,
          atOnce: stats.ownAtOnce,
          atLast: stats.ownAtLast,
          delayMs: Math.round(seen.at(-1)?.delayMs ?? 0),
        };
        rows.push(row);
        log(`late, ${link}, playout delay ${playoutDelay}: ${JSON.stringify(row)}`);
      }
    } finally {
      await stage.close();
    }
  }
  return rows;
}
