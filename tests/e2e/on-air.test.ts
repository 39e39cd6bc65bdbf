/** What a page may do without a press: nothing but go on after a reload. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goLive, openPage } from '#testkit/browser/browser.ts';
import { RealTabs } from '#testkit/browser/real-tabs.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

const ROOM = '/publish/intent';

describe('going on air', () => {
  let server: ServerProcess;
  let tabs: RealTabs;
  let viewer: Page;
  beforeAll(async () => {
    server = await ServerProcess.start();
    tabs = await RealTabs.launch();
  });
  afterAll(async () => {
    await tabs.close();
    await server.stop();
  });

  const open = async (path: string) => (await openPage(tabs.context, `${server.url}${path}`)).page;
  /** What the page shows once it has said that it asks. */
  const asking = async (page: Page, words: string) => {
    await page.waitForFunction(
      (title) => document.querySelector('#notice-title')?.textContent === title,
      words,
    );
    return {
      status: await page.getAttribute('#status', 'data-status'),
      offersStart: await page.isVisible('#start'),
      stored: await page.evaluate(() => Object.keys(sessionStorage)),
    };
  };
  const ASKS = { status: 'idle', offersStart: true, stored: [] };

  test('AIR-1 AIR-2 a reload goes on, a duplicate and a reopened tab ask', async () => {
    const first = await open(ROOM);
    await goLive(first);
    viewer = await open('/join/intent');
    await waitForStatus(viewer, 'live');

    const copy = await tabs.duplicate(ROOM);
    expect(await asking(copy, 'This room is on air in another tab')).toEqual(ASKS);
    // Nor after a reload of its own.
    await copy.reload();
    expect(await asking(copy, 'This room is on air in another tab')).toEqual(ASKS);
    await copy.close();
    expect(await first.getAttribute('#status', 'data-status')).toBe('live');
    await waitForFrames(viewer, 10);

    await first.reload();
    await waitForStatus(first, 'live');

    const reopened = await tabs.closeAndReopen(ROOM);
    expect(await asking(reopened, 'You are not on air')).toEqual(ASKS);
    // The reload of a page that asks asks too.
    await reopened.reload();
    await reopened.waitForSelector('#start:not([hidden])');
    expect(await reopened.getAttribute('#status', 'data-status')).toBe('idle');

    // A tab opened by the page begins with a copy of its storage.
    await goLive(reopened);
    const [opened] = await Promise.all([
      tabs.context.waitForEvent('page'),
      reopened.evaluate(() => void window.open(location.href)),
    ]);
    expect(await asking(opened, 'This room is on air in another tab')).toEqual(ASKS);
    // Somebody who presses start takes over, and the other tab says so.
    await goLive(opened);
    await waitForStatus(reopened, 'superseded');
    await opened.close();
    await reopened.click('#notice-start');
    await waitForStatus(reopened, 'live');
  });

  test('AIR-1 Back asks, whether the browser kept the page or loads it again', async () => {
    const page = await open('/publish/back');
    await goLive(page);
    await page.goto('about:blank');
    await page.goBack();
    expect(await asking(page, 'You are not on air')).toEqual(ASKS);
    await goLive(page);
    // Browsers keep no page that sends video; one that did would raise these events.
    await page.evaluate(() => {
      for (const name of ['pagehide', 'pageshow']) {
        dispatchEvent(new PageTransitionEvent(name, { persisted: true }));
      }
    });
    expect(await asking(page, 'You are not on air')).toEqual(ASKS);
    await page.close();
  });

  test('AIR-1 a crashed page goes on when it is reloaded, and asks in a restored session', async () => {
    const path = '/publish/lost';
    const page = await open(path);
    await goLive(page);
    const devTools = await tabs.context.newCDPSession(page);
    const crashed = page.waitForEvent('crash');
    devTools.send('Page.crash').catch(() => undefined);
    await crashed;
    await tabs.reload(path);
    await tabs.waitForTitle(path, 'On air');
    await tabs.restoreSession();
    await tabs.waitForTitle(path, 'Not on air');
    const restored = tabs.context.pages().find((one) => one.url().endsWith(path));
    if (!restored) throw new Error('the session was not restored');
    expect(await asking(restored, 'You are not on air')).toEqual(ASKS);
  });
});
