import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

describe.each([
  ['wide', { width: 1440, height: 900 }],
  ['phone', { width: 360, height: 740 }],
])('UI-6 accessibility, %s', (_, viewport) => {
  let server: ServerProcess;
  let browser: Browser;

  beforeAll(async () => {
    server = await ServerProcess.start();
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** What axe-core calls serious or critical. */
  async function seriousFaults(page: Page): Promise<string[]> {
    // As a browser extension would: the page's own policy allows no foreign script.
    await page.evaluate(await import('node:fs/promises').then((fs) => fs.readFile(AXE, 'utf8')));
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
      return (await axe.run()).violations;
    });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }

  /** No sideways scrolling: nothing is wider than the window. */
  async function overflow(page: Page): Promise<number> {
    return page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
  }

  test('home, publish, join and embed, before and while on air', async () => {
    const context = await browser.newContext({ viewport, bypassCSP: true });
    const found: Record<string, string[]> = {};
    const home = await openPage(context, server.url);
    found['home'] = await seriousFaults(home.page);
    const waiting = await openPage(context, `${server.url}/join/axe`);
    await waitForStatus(waiting.page, 'waiting');
    found['join, waiting'] = await seriousFaults(waiting.page);
    const publish = await openPage(context, `${server.url}/publish/axe`);
    found['publish, off air'] = await seriousFaults(publish.page);
    await publish.page.click('#start');
    await waitForStatus(publish.page, 'live');
    await publish.page.click('#ingest summary');
    found['publish, on air'] = await seriousFaults(publish.page);
    await waitForStatus(waiting.page, 'live');
    found['join, live'] = await seriousFaults(waiting.page);
    const stats = await openPage(context, `${server.url}/join/axe`);
    await waitForStatus(stats.page, 'live');
    await stats.page.click('#stats-toggle');
    await stats.page.waitForSelector('#join-steps [data-step="frame"]');
    found['join, stats'] = await seriousFaults(stats.page);
    const embed = await openPage(context, `${server.url}/embed/axe`);
    await waitForStatus(embed.page, 'live');
    found['embed, live'] = await seriousFaults(embed.page);
    expect(Object.entries(found).filter(([, faults]) => faults.length > 0)).toEqual([]);
    for (const { page } of [home, waiting, publish, stats, embed])
      expect(await overflow(page)).toBe(0);
    await context.close();
  });
});
