/** Faults of the publisher's devices, which the simulated devices of the `devices` stage cause. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { firstFrameAfter } from '#testkit/browser/page-recorder.ts';
import type { Scenario } from './scenarios.ts';
import { CAMERA } from './stages.ts';

const SMALL = { width: 400, height: 250 } as const;
const LARGE = { width: 960, height: 540 } as const;

export const DEVICE_SCENARIOS: readonly Scenario[] = [
  {
    id: 'camera-ended',
    fault: 'camera ends, and nothing else is reported',
    measured: 'track ended, to the viewer’s first frame of the camera opened again',
    stage: 'devices',
    targetMs: 2_500,
    async run({ publisher, viewer }) {
      const since = Date.now();
      await publisher.evaluate((id) => simulated.end(id), CAMERA.id);
      // Frames of the old track are still on their way.
      return (await firstFrameAfter(viewer, since + 500)) - since;
    },
  },
  {
    id: 'camera-replugged',
    fault: 'camera unplugged 3 s, and back at another port',
    measured: 'plugged in, to the viewer’s first frame',
    stage: 'devices',
    targetMs: 1_000,
    async run({ publisher, viewer }) {
      const opened = () => publisher.evaluate(() => simulated.opened.length);
      const before = await opened();
      const id = (await publisher.evaluate(() => simulated.opened.at(-1))) ?? CAMERA.id;
      await publisher.evaluate((gone) => {
        simulated.remove(gone);
        simulated.end(gone);
        simulated.reportList();
      }, id);
      await delay(3_000);
      const since = Date.now();
      await publisher.evaluate(
        (camera) => {
          simulated.add(camera);
          simulated.reportList();
        },
        { ...CAMERA, id: `${CAMERA.id}-${before}` },
      );
      return (await firstFrameAfter(viewer, since)) - since;
    },
  },
  {
    id: 'camera-muted',
    fault: 'camera muted by the system 10 s',
    measured: 'muted, to words on the viewer’s page',
    stage: 'devices',
    targetMs: 2_000,
    share: 0.5,
    run: (stage) => mute(stage, 'words'),
  },
  {
    id: 'camera-unmuted',
    fault: 'camera muted by the system 10 s',
    measured: 'given back, to the viewer’s first frame',
    stage: 'devices',
    targetMs: 1_000,
    share: 0.5,
    run: (stage) => mute(stage, 'frame'),
  },
  {
    id: 'window-resized',
    fault: 'shared window made large (400x250 to 960x540)',
    measured: 'resized, to the viewer’s first frame of a layer for the new size',
    stage: 'devices',
    targetMs: 2_000,
    async run({ publisher, viewer }) {
      await publisher.click('#screen');
      await resize(publisher, SMALL);
      await until(async () => (await shownWidth(viewer)) === SMALL.width);
      const since = Date.now();
      await resize(publisher, LARGE);
      // The one layer of the small size grows at once; the layers for the new size are three.
      await until(async () => (await sentLayers(publisher)) === 3);
      await until(async () => [LARGE.width / 2, LARGE.width].includes(await shownWidth(viewer)));
      const took = Date.now() - since;
      await publisher.selectOption('#camera', { label: CAMERA.label });
      await firstFrameAfter(viewer, Date.now());
      return took;
    },
  },
];

async function mute(
  { publisher, viewer }: { readonly publisher: Page; readonly viewer: Page },
  measured: 'words' | 'frame',
): Promise<number> {
  const id = (await publisher.evaluate(() => simulated.opened.at(-1))) ?? CAMERA.id;
  const set = (muted: boolean) =>
    publisher.evaluate(([camera, now]) => simulated.mute(camera, now), [id, muted] as const);
  const mutedAt = Date.now();
  await set(true);
  await viewer.waitForSelector('#slate-title:has-text("camera is paused")', { timeout: 60_000 });
  const words = Date.now() - mutedAt;
  await delay(Math.max(0, mutedAt + 10_000 - Date.now()));
  const since = Date.now();
  await set(false);
  const frame = (await firstFrameAfter(viewer, since)) - since;
  return measured === 'words' ? words : frame;
}

const resize = (page: Page, { width, height }: { width: number; height: number }) =>
  page.evaluate(([w, h]) => simulated.resize('screen', w, h), [width, height] as const);

const shownWidth = (page: Page) =>
  page.locator('#video').evaluate((video: HTMLVideoElement) => video.videoWidth);

const sentLayers = (page: Page) =>
  page.evaluate(async () => {
    const { stats } = (await onecast?.diagnostics()) ?? { stats: [] };
    return stats.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video').length;
  });

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('the layers did not change within 60 s');
    await delay(10);
  }
}
