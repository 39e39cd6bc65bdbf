import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, openPage } from '#testkit/browser.ts';
import { framesAdvance, statusIs } from '#testkit/shown-video.ts';
import { ServerProcess } from '#testkit/server-process.ts';

const ROOM = 'traced';

describe('the trace of a connection', () => {
  let server: ServerProcess;
  let browser: Browser;
  let publisher: Page;

  beforeAll(async () => {
    server = await ServerProcess.start();
    browser = await launchBrowser();
    const context = await browser.newContext();
    ({ page: publisher } = await openPage(context, `${server.url}/publish/${ROOM}`));
    await publisher.click('#start');
    await statusIs(publisher, 'live');
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** The phases that a page's connection went through, each change once. */
  const phases = (page: Page) =>
    page.evaluate(() =>
      (onecast?.trace() ?? []).filter(({ from, to }) => from !== to).map(({ to }) => to),
    );

  test('CONN-17 shows the phases of a join, and those of a reconnection', async () => {
    const context = await browser.newContext();
    const { page } = await openPage(context, `${server.url}/join/${ROOM}?debug`);
    await statusIs(page, 'live');
    await expect.poll(() => phases(page)).toContain('live');
    const joined = await phases(page);
    expect(joined.slice(0, 2)).toEqual(['connecting', 'joining']);
    expect(joined.at(-1)).toBe('live');

    await page.evaluate(() => onecast?.simulate('socket-drop'));
    await expect
      .poll(async () => (await phases(page)).slice(joined.length))
      .toEqual(['waiting', 'connecting', 'resuming', 'live']);
    await framesAdvance(page, 10);
    await context.close();
  });

  test('CONN-17 SEC-7 every page has diagnostics, without a secret', async () => {
    const context = await browser.newContext();
    const { page } = await openPage(context, `${server.url}/join/${ROOM}`);
    await statusIs(page, 'live');
    const secret = await publisher.evaluate(
      (key) => localStorage.getItem(key) ?? '',
      `onecast.publisher.${ROOM}`,
    );
    expect(secret).toHaveLength(43);
    for (const [role, shown] of [
      ['publisher', publisher],
      ['viewer', page],
    ] as const) {
      const diagnostics = await shown.evaluate(() => onecast?.diagnostics());
      expect(diagnostics).toMatchObject({ role, room: ROOM, status: 'live' });
      expect(diagnostics?.transitions.at(0)).toMatchObject({ event: 'START', from: 'idle' });
      const kinds = new Set(diagnostics?.stats.map(({ type }) => type));
      expect(kinds).toContain(role === 'viewer' ? 'inbound-rtp' : 'outbound-rtp');
      const text = JSON.stringify(diagnostics);
      expect(text).not.toContain(secret);
      expect(text).not.toMatch(/secret|token|ufrag|fingerprint|"(?:address|ip)"/i);
    }
    const refused = page.evaluate(() => onecast?.simulate('socket-drop'));
    await expect(refused).rejects.toThrow('open the page with ?debug');
    await context.close();
  });
});
