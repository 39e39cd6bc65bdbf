import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { goLive, launchBrowser, openPage, type OpenedPage } from '#testkit/browser/browser.ts';
import {
  expectedColour,
  waitForFrames,
  quarterColours,
  squareAndBox,
  waitForStatus,
} from '#testkit/browser/shown-video.ts';
import { firstFrameAfter, recordPages, firstStatusSince } from '#testkit/browser/page-recorder.ts';

const ROOM = 'fan-out-test';
/** The in-process server ignores silence by default, but this publisher does send. */
const SILENCE_COUNTS = { publisherSilentMs: 3_000 } as const;

describe('one room on two workers', () => {
  let server: InProcessServer;
  let browser: Browser;
  let publisher: OpenedPage;
  const viewers: OpenedPage[] = [];

  beforeAll(async () => {
    // Every worker counts as busy, so that the room spreads with the first viewer.
    server = await InProcessServer.start({
      workers: 2,
      limits: { workerBusyShare: 0, spreadGainShare: 0, ...SILENCE_COUNTS },
    });
    browser = await launchBrowser();
    const context = await browser.newContext();
    await recordPages(context);
    publisher = await openPage(context, `${server.url}/publish/${ROOM}`);
    await publisher.page.selectOption('#overlay-source', 'motion');
    await goLive(publisher.page);
    for (let i = 0; i < 3; i += 1) {
      viewers.push(await openPage(context, `${server.url}/join/${ROOM}`));
    }
  });

  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  async function expectAllWatch(): Promise<void> {
    for (const { page } of viewers) {
      await waitForStatus(page, 'live');
      await waitForFrames(page, 30);
      const colours = await quarterColours(page);
      for (const quarter of ['topLeft', 'bottomRight'] as const) {
        const [seen, expected] = [colours[quarter], expectedColour(quarter)];
        expected.forEach((value, channel) => {
          expect(Math.abs((seen[channel] ?? 0) - value)).toBeLessThan(40);
        });
      }
      await expect
        .poll(async () => (await squareAndBox(page)).drawn !== null, { timeout: 60_000 })
        .toBe(true);
    }
  }

  test('FAN-2 viewers on both workers see the video and the overlay', async () => {
    await expectAllWatch();
    for (const { transports } of server.app.pool.workers) expect(transports).toBeGreaterThan(0);
  });

  test.each([0, 1])('SRV-5 FAN-2 all viewers recover when worker %i is killed', async (index) => {
    const since = Date.now();
    server.killWorker(index);
    for (const { page } of viewers) await firstFrameAfter(page, since);
    await expectAllWatch();
    for (const { page } of viewers) {
      expect(await firstStatusSince(page, since, 'failed', 'ended')).toBeUndefined();
    }
  });
});
