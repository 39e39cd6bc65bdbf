import { describe, expect, test } from 'vitest';
import { goLive } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';

describe('links as they arrive', () => {
  const site = sharedSite();

  test('LINK-1 LINK-2 viewers and publisher meet in one room, and the address is tidied', async () => {
    const context = await site.browser.newContext();
    const publisher = await site.open('/PUBLISH/Demo.', context);
    expect(publisher.page.url()).toBe(`${site.server.url}/publish/demo`);
    await goLive(publisher.page);
    for (const path of [
      '/join/DEMO).',
      '/join/demo%20',
      '/join/demo%23token=abc',
      '/embed/demo%E2%80%8B',
    ]) {
      const viewer = await site.open(`${path}?utm_source=chat`, context);
      await waitForStatus(viewer.page, 'live');
      expect(viewer.page.url()).toMatch(/\/(?:join|embed)\/demo\?utm_source=chat$/);
      await viewer.page.close();
    }
    const home = await site.open('/', context);
    await home.page.fill('#join-room', `“Live now: ${site.server.url}/Join/Demo…”`);
    await home.page.press('#join-room', 'Enter');
    await waitForStatus(home.page, 'live');
    await context.close();
  });
});
