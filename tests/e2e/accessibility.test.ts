import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { goLive } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

describe.each([
  ['wide', { width: 1440, height: 900 }],
  ['phone', { width: 360, height: 740 }],
])('UI-6 accessibility, %s', (_, viewport) => {
  const site = sharedSite();

  /** The faults that axe-core rates as serious or critical. */
  async function seriousFaults(page: Page): Promise<string[]> {
    // Evaluated as by a browser extension, because the page's policy allows no foreign script.
    await page.evaluate(await import('node:fs/promises').then((fs) => fs.readFile(AXE, 'utf8')));
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
      return (await axe.run()).violations;
    });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }

  /** By how many pixels the page is wider than the window. */
  async function overflow(page: Page): Promise<number> {
    return page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
  }

  test('all pages are accessible and fit the window, before and during a broadcast', async () => {
    const context = await site.browser.newContext({ viewport, bypassCSP: true });
    const found: Record<string, string[]> = {};
    const home = await site.open('/', context);
    found['home'] = await seriousFaults(home.page);
    const waiting = await site.open('/join/axe', context);
    await waitForStatus(waiting.page, 'waiting');
    found['join, waiting'] = await seriousFaults(waiting.page);
    const publish = await site.open('/publish/axe', context);
    found['publish, before'] = await seriousFaults(publish.page);
    await goLive(publish.page);
    await publish.page.click('#ingest summary');
    found['publish, live'] = await seriousFaults(publish.page);
    await waitForStatus(waiting.page, 'live');
    found['join, live'] = await seriousFaults(waiting.page);
    const stats = await site.open('/join/axe', context);
    await waitForStatus(stats.page, 'live');
    await stats.page.click('#stats-toggle');
    await stats.page.waitForSelector('#join-steps [data-step="frame"]');
    found['join, stats'] = await seriousFaults(stats.page);
    const embed = await site.open('/embed/axe', context);
    await waitForStatus(embed.page, 'live');
    found['embed, live'] = await seriousFaults(embed.page);
    expect(Object.entries(found).filter(([, faults]) => faults.length > 0)).toEqual([]);
    for (const { page } of [home, waiting, publish, stats, embed])
      expect(await overflow(page)).toBe(0);
    await context.close();
  });
});
