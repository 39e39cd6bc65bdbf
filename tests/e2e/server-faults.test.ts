import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, openPage, type OpenedPage } from '#testkit/browser/browser.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import {
  firstFrameAfter,
  peerConnectionCount,
  recordPages,
  firstStatusSince,
} from '#testkit/browser/page-recorder.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';
import { TabbedBrowser } from '#testkit/browser/tabbed-browser.ts';

const ROOM = 'server-faults';

describe('faults of the server and of the page', () => {
  let server: ServerProcess;
  let browser: Browser;
  let publisher: OpenedPage;
  let viewer: OpenedPage;

  beforeAll(async () => {
    server = await ServerProcess.start();
    browser = await launchBrowser({
      // Two cameras, so that one can be lost.
      flags: ['--use-fake-device-for-media-stream=fps=30,device-count=2'],
    });
    const context = await browser.newContext();
    await recordPages(context);
    publisher = await openPage(context, `${server.url}/publish/${ROOM}?debug`);
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    viewer = await openPage(context, `${server.url}/join/${ROOM}?debug`);
    await allIsWell();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function allIsWell(): Promise<void> {
    await waitForStatus(publisher.page, 'live');
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
  }

  test.each([
    ['SRV-5 every worker is killed: rooms are back on new ones', 'SIGKILL'],
    ['SRV-6 every worker hangs: noticed, replaced, rooms are back', 'SIGSTOP'],
  ] as const)('%s', async (_, signal) => {
    const before = server.workerPids;
    const since = Date.now();
    for (const pid of before) process.kill(pid, signal);
    await expect
      .poll(() => server.workerPids.filter((pid) => !before.includes(pid)).length, {
        timeout: 60_000,
      })
      .toBe(before.length);
    await firstFrameAfter(viewer.page, Date.now());
    await allIsWell();
    expect(await firstStatusSince(viewer.page, since, 'failed', 'ended')).toBeUndefined();
  });

  test('SRV-4 the server is told to stop while people watch, and starts again', async () => {
    const since = Date.now();
    expect(await server.stop('SIGTERM')).toBe(0);
    await server.start();
    await firstFrameAfter(viewer.page, Date.now());
    await allIsWell();
    expect(await firstStatusSince(viewer.page, since, 'failed')).toBeUndefined();
  });

  test('CONN-9 a frozen tab is at the live edge when it wakes', async () => {
    const tabs = await TabbedBrowser.launch();
    const tab = await tabs.open(`${server.url}/join/${ROOM}`);
    const frames = () =>
      tab.evaluate<number>(
        'document.querySelector("#video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0',
      );
    await tab.show();
    await expect.poll(frames, { timeout: 60_000 }).toBeGreaterThan(20);
    const left = () => server.output.split('"msg":"socket closed"').length;
    const before = left();
    const other = await tabs.open('about:blank');
    await other.show();
    await tab.freeze();
    // Frozen until the server has missed its socket.
    await expect.poll(left, { timeout: 60_000 }).toBeGreaterThan(before);
    await tab.thaw();
    await tab.show();
    const shown = await frames();
    await expect.poll(frames, { timeout: 60_000 }).toBeGreaterThan(shown + 20);
    expect(await tab.evaluate('document.querySelector("#status").dataset.status')).toBe('live');
    await tabs.close();
    await allIsWell();
  });

  test.each(['socket-drop', 'server-drain', 'network-change', 'ice-failure'])(
    'CONN-7 CONN-9 simulate(%s) on either page: no new transport',
    async (fault) => {
      for (const { page } of [viewer, publisher]) {
        const peers = await peerConnectionCount(page);
        const since = Date.now();
        await page.evaluate((name) => onecast?.simulate(name), fault);
        await firstFrameAfter(viewer.page, since);
        await allIsWell();
        expect(await peerConnectionCount(page)).toBe(peers);
      }
    },
  );

  test.each(['transport-loss', 'session-loss'])(
    'CONN-9 simulate(%s) on either page: everything is made anew from the same page',
    async (fault) => {
      for (const { page } of [viewer, publisher]) {
        const peers = await peerConnectionCount(page);
        await page.evaluate((name) => onecast?.simulate(name), fault);
        await expect
          .poll(() => peerConnectionCount(page), { timeout: 60_000 })
          .toBeGreaterThan(peers);
        await firstFrameAfter(viewer.page, Date.now());
        await allIsWell();
      }
    },
  );

  test('CONN-11 simulate(stall): new consumers on the same transport', async () => {
    const peers = await peerConnectionCount(viewer.page);
    const renewed = () => server.output.split('"request":"renewConsumers"').length;
    const before = renewed();
    await viewer.page.evaluate(() => onecast?.simulate('stall'));
    await expect.poll(renewed, { timeout: 60_000 }).toBeGreaterThan(before);
    await allIsWell();
    expect(await peerConnectionCount(viewer.page)).toBe(peers);
  });

  test('UI-4 simulate(camera-loss): said at once, the broadcast stays, another camera goes on', async () => {
    await publisher.page.evaluate(() => onecast?.simulate('camera-loss'));
    await publisher.page.waitForSelector('#preview-title:has-text("is gone")');
    const peers = await peerConnectionCount(publisher.page);
    const since = Date.now();
    const [, second] = await publisher.page.locator('#camera option').all();
    await publisher.page.selectOption('#camera', (await second?.getAttribute('value')) ?? '');
    await firstFrameAfter(viewer.page, since);
    await allIsWell();
    expect(await peerConnectionCount(publisher.page)).toBe(peers);
  });

  test('CONN-14 CONN-15 thirty broadcasts in a row reach the same page', async () => {
    const mark = await viewer.page.evaluate(() => {
      document.documentElement.dataset['mark'] = 'kept';
      return performance.timeOrigin;
    });
    const peers = await peerConnectionCount(viewer.page);
    const broadcasts = () => server.output.split('"event":"PUBLISHER_READY"').length;
    for (let i = 0; i < 30; i += 1) {
      const before = broadcasts();
      await publisher.page.evaluate(() => onecast?.simulate('session-loss'));
      await expect.poll(broadcasts, { timeout: 60_000 }).toBeGreaterThan(before);
      await firstFrameAfter(viewer.page, Date.now());
    }
    await allIsWell();
    expect(await viewer.page.evaluate(() => performance.timeOrigin)).toBe(mark);
    // One renewal after 20 swaps, and no more.
    expect(await peerConnectionCount(viewer.page)).toBe(peers + 1);
  });

  test('no page has raised an error', () => {
    expect([...publisher.faults, ...viewer.faults]).toEqual([]);
  });
});
