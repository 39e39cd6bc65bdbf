/** Pages in a browser that stores nothing for them. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goLive, launchProfile, openPage } from '#testkit/browser/browser.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { freePorts } from '#testkit/server/ports.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

/** "Block all cookies and site data": to touch localStorage or sessionStorage throws. */
const BLOCKED = {
  profile: { default_content_setting_values: { cookies: 2 }, block_third_party_cookies: true },
};

describe('a browser that stores nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onecast-storage-'));
  let server: ServerProcess;
  let context: BrowserContext;
  let site: Server;
  let siteUrl: string;
  beforeAll(async () => {
    const port = await freePorts();
    siteUrl = `http://localhost:${port}`;
    server = await ServerProcess.start({ env: { EMBED_ORIGINS: siteUrl } });
    context = await launchProfile(folder, { preferences: BLOCKED });
    site = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end(
        `<iframe src="${server.url}/embed/forgetful" width="640" height="360" allow="autoplay"></iframe>`,
      );
    }).listen(port, '127.0.0.1');
    await once(site, 'listening');
  });
  afterAll(async () => {
    await context.close();
    site.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  test('AIR-3 broadcasts and watches, and says what will be forgotten', async () => {
    const publisher = await openPage(context, `${server.url}/publish/forgetful`);
    const blocked = await publisher.page.evaluate(() => {
      try {
        return typeof sessionStorage;
      } catch {
        return 'blocked';
      }
    });
    expect(blocked).toBe('blocked');
    expect(await publisher.page.textContent('#storage-notice')).toContain('After a reload');
    expect(await publisher.page.isVisible('#storage-notice')).toBe(true);
    await goLive(publisher.page);
    const viewer = await openPage(context, `${server.url}/join/forgetful`);
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 5);
    // A room in a page of another site.
    const page = await context.newPage();
    await page.goto(siteUrl);
    await page.frameLocator('iframe').locator('#status[data-status="live"]').waitFor();
    const home = await openPage(context, `${server.url}/`);
    expect(await home.page.getAttribute('#new-broadcast', 'href')).toMatch(/^\/publish\/.+/);
    expect([...publisher.faults, ...viewer.faults, ...home.faults]).toEqual([]);
    // Nothing says that the page was on air, so its reload asks.
    await publisher.page.reload();
    await publisher.page.waitForSelector('html[data-ready="true"]', { state: 'attached' });
    expect(await publisher.page.getAttribute('#status', 'data-status')).toBe('idle');
  });

  test('AIR-4 a page whose script does not run says so', async () => {
    const page = await context.newPage();
    await page.route('**/*.js', (route) => route.abort());
    for (const path of ['/', '/publish/forgetful', '/join/forgetful', '/embed/forgetful']) {
      await page.goto(`${server.url}${path}`);
      const words = page.locator('.last-resort');
      expect(await words.isVisible()).toBe(false);
      // Instead of waiting.
      await words.evaluate((element) => {
        for (const animation of element.getAnimations()) animation.finish();
      });
      await words.waitFor({ state: 'visible' });
    }
  });
});
