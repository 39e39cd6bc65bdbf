import { beforeAll, describe, expect, test } from 'vitest';
import { goLive, type OpenedPage } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import {
  firstFrameAfter,
  peerConnectionCount,
  recordPages,
  firstStatusSince,
} from '#testkit/browser/page-recorder.ts';
import { TabbedBrowser } from '#testkit/browser/tabbed-browser.ts';

const ROOM = 'server-faults';

describe('faults of the server and of the page', () => {
  const site = sharedSite(
    {},
    // Two cameras, so that one can be lost.
    { flags: ['--use-fake-device-for-media-stream=fps=30,device-count=2'] },
  );
  let publisher: OpenedPage;
  let viewer: OpenedPage;

  beforeAll(async () => {
    const context = await site.browser.newContext();
    await recordPages(context);
    publisher = await site.open(`/publish/${ROOM}?debug`, context);
    await goLive(publisher.page);
    viewer = await site.open(`/join/${ROOM}?debug`, context);
    await expectLive();
  });

  /** Expects that both pages are live and that the viewer shows new frames. */
  async function expectLive(): Promise<void> {
    await waitForStatus(publisher.page, 'live');
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
  }

  test.each([
    ['SRV-5 rooms recover on new workers when every worker is killed', 'SIGKILL'],
    ['SRV-6 rooms recover on new workers when every worker hangs', 'SIGSTOP'],
  ] as const)('%s', async (_, signal) => {
    const before = site.server.workerPids;
    const since = Date.now();
    for (const pid of before) process.kill(pid, signal);
    await expect
      .poll(() => site.server.workerPids.filter((pid) => !before.includes(pid)).length, {
        timeout: 60_000,
      })
      .toBe(before.length);
    await firstFrameAfter(viewer.page, Date.now());
    await expectLive();
    expect(await firstStatusSince(viewer.page, since, 'failed', 'ended')).toBeUndefined();
  });

  test('SRV-4 pages recover when the server stops on SIGTERM and starts again', async () => {
    const since = Date.now();
    expect(await site.server.stop('SIGTERM')).toBe(0);
    await site.server.start();
    await firstFrameAfter(viewer.page, Date.now());
    await expectLive();
    expect(await firstStatusSince(viewer.page, since, 'failed')).toBeUndefined();
  });

  test('CONN-9 a frozen tab shows live video when it thaws', async () => {
    const tabs = await TabbedBrowser.launch();
    const tab = await tabs.open(`${site.server.url}/join/${ROOM}`);
    const frames = () =>
      tab.evaluate<number>(
        'document.querySelector("#video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0',
      );
    await tab.show();
    await expect.poll(frames, { timeout: 60_000 }).toBeGreaterThan(20);
    const closed = () => site.server.printed('"msg":"socket closed"');
    const before = closed();
    const other = await tabs.open('about:blank');
    await other.show();
    await tab.freeze();
    // Frozen until the server has closed the tab's socket.
    await expect.poll(closed, { timeout: 60_000 }).toBeGreaterThan(before);
    await tab.thaw();
    await tab.show();
    const shown = await frames();
    await expect.poll(frames, { timeout: 60_000 }).toBeGreaterThan(shown + 20);
    expect(await tab.evaluate('document.querySelector("#status").dataset.status')).toBe('live');
    await tabs.close();
    await expectLive();
  });

  test.each(['socket-drop', 'server-drain', 'network-change', 'ice-failure'])(
    'CONN-7 CONN-9 simulate(%s) on either page makes no new transport',
    async (fault) => {
      for (const { page } of [viewer, publisher]) {
        const peers = await peerConnectionCount(page);
        const since = Date.now();
        await page.evaluate((name) => onecast?.simulate(name), fault);
        await firstFrameAfter(viewer.page, since);
        await expectLive();
        expect(await peerConnectionCount(page)).toBe(peers);
      }
    },
  );

  test.each(['transport-loss', 'session-loss'])(
    'CONN-9 simulate(%s) on either page makes a new transport from the same page',
    async (fault) => {
      for (const { page } of [viewer, publisher]) {
        const peers = await peerConnectionCount(page);
        await page.evaluate((name) => onecast?.simulate(name), fault);
        await expect
          .poll(() => peerConnectionCount(page), { timeout: 60_000 })
          .toBeGreaterThan(peers);
        await firstFrameAfter(viewer.page, Date.now());
        await expectLive();
      }
    },
  );

  test('CONN-11 simulate(stall) makes new consumers on the same transport', async () => {
    const peers = await peerConnectionCount(viewer.page);
    const renewed = () => site.server.printed('"request":"renewConsumers"');
    const before = renewed();
    await viewer.page.evaluate(() => onecast?.simulate('stall'));
    await expect.poll(renewed, { timeout: 60_000 }).toBeGreaterThan(before);
    await expectLive();
    expect(await peerConnectionCount(viewer.page)).toBe(peers);
  });

  test('UI-4 a publisher that loses its camera is informed at once and goes on with another one', async () => {
    await publisher.page.evaluate(() => onecast?.simulate('camera-loss'));
    await publisher.page.waitForSelector('#preview-title:has-text("is gone")');
    const peers = await peerConnectionCount(publisher.page);
    const since = Date.now();
    const other = publisher.page.locator('#camera option').last();
    await publisher.page.selectOption('#camera', (await other.getAttribute('value')) ?? '');
    await firstFrameAfter(viewer.page, since);
    await expectLive();
    expect(await peerConnectionCount(publisher.page)).toBe(peers);
  });

  test('CONN-14 CONN-15 thirty broadcasts in a row reach the same page', async () => {
    const mark = await viewer.page.evaluate(() => {
      document.documentElement.dataset['mark'] = 'kept';
      return performance.timeOrigin;
    });
    const peers = await peerConnectionCount(viewer.page);
    const broadcasts = () => site.server.printed('"event":"PUBLISHER_READY"');
    for (let i = 0; i < 30; i += 1) {
      const before = broadcasts();
      await publisher.page.evaluate(() => onecast?.simulate('session-loss'));
      await expect.poll(broadcasts, { timeout: 60_000 }).toBeGreaterThan(before);
      await firstFrameAfter(viewer.page, Date.now());
    }
    await expectLive();
    expect(await viewer.page.evaluate(() => performance.timeOrigin)).toBe(mark);
    // One renewal after 20 swaps, and no more.
    expect(await peerConnectionCount(viewer.page)).toBe(peers + 1);
  });

  test('no page has a script error', () => {
    expect([...publisher.faults, ...viewer.faults]).toEqual([]);
  });
});
