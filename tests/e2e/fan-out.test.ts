import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { launchBrowser, openPage, type OpenedPage } from '#testkit/browser/browser.ts';
import {
  expectedColour,
  waitForFrames,
  quarterColours,
  squareAndBox,
  waitForStatus,
} from '#testkit/browser/shown-video.ts';
import { firstFrameAfter, recordPages, firstStatusSince } from '#testkit/browser/page-recorder.ts';

const ROOM = 'fan-out-test';
/** A page's silence counts here, for this publisher does send. */
const HEARD = { publisherSilentMs: 3_000 } as const;

describe('one room on two workers', () => {
  let server: InProcessServer;
  let browser: Browser;
  let publisher: OpenedPage;
  const viewers: OpenedPage[] = [];

  beforeAll(async () => {
    // Every worker counts as busy: the room spreads with the first viewer.
    server = await InProcessServer.start({
      workers: 2,
      limits: { workerBusyShare: 0, spreadGainShare: 0, ...HEARD },
    });
    browser = await launchBrowser();
    const context = await browser.newContext();
    await recordPages(context);
    publisher = await openPage(context, `${server.url}/publish/${ROOM}`);
    await publisher.page.selectOption('#overlay-source', 'motion');
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    for (let i = 0; i < 3; i += 1) {
      viewers.push(await openPage(context, `${server.url}/join/${ROOM}`));
    }
  });

  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  async function allSeeIt(): Promise<void> {
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

  test('FAN-2 viewers on both workers see the picture and its data', async () => {
    await allSeeIt();
    for (const { transports } of server.app.pool.workers) expect(transports).toBeGreaterThan(0);
  });

  test.each([0, 1])('SRV-5 FAN-2 worker %i is killed: everybody is back', async (index) => {
    const since = Date.now();
    const pid = server.app.pool.workers.find((worker) => worker.index === index)?.worker.pid;
    if (pid === undefined) throw new Error('there is such a worker');
    process.kill(pid, 'SIGKILL');
    for (const { page } of viewers) await firstFrameAfter(page, since);
    await allSeeIt();
    for (const { page } of viewers) {
      expect(await firstStatusSince(page, since, 'failed', 'ended')).toBeUndefined();
    }
  });
});
