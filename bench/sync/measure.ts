/** Lets a viewer record frames for a while, and returns what it has seen. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from './pages.ts';
import type { Analysis, SentMessage } from './publisher.ts';
import type { Method } from './rows.ts';
import type { Layers, SyncStage } from './stage.ts';
import type { SeenFrame } from './viewer.ts';

const SWITCH_EVERY_MS = 2_000;
/** By then nothing is left that another method has drawn or that waits for its frame. */
const SETTLE_MS = 1_500;

const AT_ONCE: Analysis = { afterMs: 0, spreadMs: 0 };

export interface MatchOptions {
  readonly method: Method;
  readonly layers: Layers;
  readonly frames: number;
}

/** Starts to send an overlay for every frame; resolves when the viewer draws it. */
export async function startOverlay(
  { publisher, viewer }: SyncStage,
  analysis = AT_ONCE,
): Promise<void> {
  await publisher.evaluate((chosen) => publisherBench.start(chosen), analysis);
  await viewer.evaluate(() => viewerBench.attach(), undefined);
  await viewer.evaluate(() => viewerBench.record(), undefined);
  const look = () =>
    viewerBench.frames.some(({ overlayNumber }) => overlayNumber !== null) || undefined;
  await until(viewer, 'an overlay', look, undefined);
}

export interface RecordedFrames {
  readonly seen: readonly SeenFrame[];
  readonly sent: readonly SentMessage[];
}

export async function measureMatch(
  stage: SyncStage,
  options: MatchOptions,
): Promise<RecordedFrames> {
  await stage.viewer.evaluate((chosen) => viewerBench.match(chosen), options.method);
  await delay(SETTLE_MS);
  return recordFrames(stage, options);
}

export async function recordFrames(
  { server, publisher, viewer }: SyncStage,
  { layers, frames }: Pick<MatchOptions, 'layers' | 'frames'>,
): Promise<RecordedFrames> {
  await viewer.evaluate(() => viewerBench.record(), undefined);
  // A busy machine still shows a third of the frames.
  const deadline = performance.now() + (frames / 10) * 1_000 + 30_000;
  let nextSwitch = performance.now() + SWITCH_EVERY_MS;
  for (;;) {
    await delay(200);
    const count = await viewer.evaluate(() => viewerBench.frames.length, undefined);
    if (count >= frames) break;
    if (performance.now() > deadline) throw new Error(`only ${count} of ${frames} frames arrived`);
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
