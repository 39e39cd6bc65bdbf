/** Lets a viewer look at frames for a while and brings back what it has seen. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from './pages.ts';
import type { Analysis, SentMessage } from './publisher.ts';
import type { Method } from './rows.ts';
import type { Layers, Stage } from './stage.ts';
import type { SeenFrame } from './viewer.ts';

const SWITCH_EVERY_MS = 2_000;
/** What was drawn by another method, and what was waiting for it, is gone by then. */
const SETTLE_MS = 1_500;

const AT_ONCE: Analysis = { afterMs: 0, spreadMs: 0 };

export interface MatchOptions {
  readonly method: Method;
  readonly layers: Layers;
  readonly frames: number;
}

/** The bench's source sends for every frame from here on, and the viewer has begun to draw it. */
export async function overlayOn({ publisher, viewer }: Stage, analysis = AT_ONCE): Promise<void> {
  await publisher.evaluate((chosen) => publisherBench.start(chosen), analysis);
  await viewer.evaluate(() => viewerBench.attach(), undefined);
  await viewer.evaluate(() => viewerBench.record(), undefined);
  const look = () => viewerBench.frames.some(({ overlay }) => overlay !== null) || undefined;
  await until(viewer, 'an overlay', look, undefined);
}

export interface Looked {
  readonly seen: readonly SeenFrame[];
  readonly sent: readonly SentMessage[];
}

export async function measureMatch(stage: Stage, options: MatchOptions): Promise<Looked> {
  await stage.viewer.evaluate((chosen) => viewerBench.match(chosen), options.method);
  await delay(SETTLE_MS);
  return lookAtFrames(stage, options);
}

export async function lookAtFrames(
  { server, publisher, viewer }: Stage,
  { layers, frames }: Pick<MatchOptions, 'layers' | 'frames'>,
): Promise<Looked> {
  await viewer.evaluate(() => viewerBench.record(), undefined);
  // A busy machine shows a third of the frames, not fewer.
  const deadline = performance.now() + (frames / 10) * 1_000 + 30_000;
  let nextSwitch = performance.now() + SWITCH_EVERY_MS;
  for (;;) {
    await delay(200);
    const count = await viewer.evaluate(() => viewerBench.frames.length, undefined);
    if (count >= frames) break;
    if (performance.now() > deadline) throw new Error(`only ${count} of ${frames} frames came`);
    if (layers === 'switching' && performance.now() >= nextSwitch) {
      nextSwitch += SWITCH_EVERY_MS;
      await server.query('switchLayer');
    }
  }
  return {
    seen: await viewer.evaluate(() => viewerBench.stop(), undefined),
    sent: await publisher.evaluate(() => publisherBench.sent, undefined),
  };
}
