import { createSecretKey } from 'node:crypto';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { type Claims, signToken } from '#backend/admission/tokens.ts';
import { RoomIdSchema } from '#protocol/ids.ts';
import { copiedDiagnostics, goLive, type OpenedPage } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';

const AUTH_SECRET = 'only for these tests, and long enough to sign with';
const key = createSecretKey(Buffer.from(AUTH_SECRET));
const room = v.parse(RoomIdSchema, 'by-token');
const issued: string[] = [];

async function token(claims: Partial<Claims> = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const signed = await signToken(key, { room, role: 'viewer', exp, ...claims });
  issued.push(signed);
  return signed;
}

describe('with AUTH_SECRET', () => {
  const site = sharedSite({ env: { AUTH_SECRET } });
  let publisher: OpenedPage;

  const slate = (page: Page) => page.textContent('#slate-title');

  /** Everything that a person could read or copy from the page. */
  const shown = (page: Page): Promise<string> =>
    page.evaluate(() =>
      [
        location.href,
        document.documentElement.outerHTML,
        ...[...document.querySelectorAll('input')].map(({ value }) => value),
      ].join('\n'),
    );

  test('TOKEN-5 a publisher goes live by its link, the token leaves the address bar, and a reload goes on', async () => {
    const signed = await token({ role: 'publisher' });
    publisher = await site.open(`/publish/${room}#token=${signed}`);
    const { page } = publisher;
    expect(page.url()).toBe(`${site.server.url}/publish/${room}`);
    await goLive(page);
    await page.reload();
    await waitForStatus(page, 'live');
    expect(page.url()).toBe(`${site.server.url}/publish/${room}`);
    for (const part of signed.split('.').slice(1)) expect(await shown(page)).not.toContain(part);
    expect(await page.isVisible('#share-by-token')).toBe(true);
    for (const link of ['#share-link', '#qr', '#embed-code']) {
      expect([link, await page.isVisible(link)]).toEqual([link, false]);
    }
  });

  test('TOKEN-2 a publisher can watch: a tab that its page opens has the token, the link does not', async () => {
    const { page } = publisher;
    expect(await page.getAttribute('#open-link', 'href')).toBe(`${site.server.url}/join/${room}`);
    const [tab] = await Promise.all([
      page.context().waitForEvent('page'),
      page.click('#open-link'),
    ]);
    await waitForStatus(tab, 'live');
    await waitForFrames(tab, 5);
    await tab.close();
  });

  test('TOKEN-1 TOKEN-5 a viewer watches by its link, also after a reload', async () => {
    const { page, faults } = await site.open(`/join/${room}#token=${await token()}`);
    await waitForStatus(page, 'live');
    expect(page.url()).toBe(`${site.server.url}/join/${room}`);
    await page.reload();
    await waitForFrames(page, 5);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test('CONN-17 both pages copy their diagnostics as JSON, without a token', async () => {
    const viewer = await site.open(`/join/${room}#token=${await token()}`);
    await waitForStatus(viewer.page, 'live');
    await viewer.page.click('#stats-toggle');
    for (const [role, { page }] of Object.entries({ viewer, publisher })) {
      const text = await copiedDiagnostics(page);
      const diagnostics = JSON.parse(text);
      expect(diagnostics).toMatchObject({ role, room, status: 'live' });
      expect(diagnostics.transitions).not.toEqual([]);
      expect(diagnostics.stats).not.toEqual([]);
      for (const part of issued.flatMap((signed) => signed.split('.'))) {
        expect(text).not.toContain(part);
      }
    }
    expect(viewer.faults).toEqual([]);
    await viewer.page.context().close();
  });

  test('TOKEN-1 TOKEN-5 an invalid link shows the reason, and a new link works in the same tab', async () => {
    const bad: [string, string][] = [
      ['', 'This link is not complete'],
      ['#token=cut', 'This link is not valid'],
      [`#token=${await token({ exp: 1_000 })}`, 'This link has expired'],
      [
        `#token=${await token({ room: v.parse(RoomIdSchema, 'elsewhere') })}`,
        'This link is for another room',
      ],
    ];
    const { page } = await site.open(`/join/${room}`);
    for (const [fragment, title] of bad) {
      // On a loaded page another fragment alone does not load a new page.
      if (fragment !== '') {
        await Promise.all([
          page.waitForEvent('load'),
          page.evaluate((hash) => (location.hash = hash), fragment),
        ]);
      }
      await waitForStatus(page, 'failed');
      expect([fragment, await slate(page)]).toEqual([fragment, title]);
    }
    const good = await token();
    await page.evaluate((hash) => (location.hash = hash), `#token=${good}`);
    await waitForFrames(page, 5);
    expect(page.url()).not.toContain(good);
    await page.context().close();
  });

  test('TOKEN-2 TOKEN-5 a viewer’s link can’t broadcast, and a missing token is reported before start is pressed', async () => {
    const withoutToken = await site.open(`/publish/${room}`);
    expect(await withoutToken.page.textContent('#notice-title')).toBe('This link is not complete');
    expect(await withoutToken.page.isVisible('#start')).toBe(false);
    await withoutToken.page.context().close();

    const { page } = await site.open(`/publish/${room}#token=${await token()}`);
    await page.click('#start');
    await waitForStatus(page, 'failed');
    expect(await page.textContent('#notice-title')).toBe('This link is for watching');
    expect(await publisher.page.getAttribute('#status', 'data-status')).toBe('live');
    await page.context().close();
  });

  test('TOKEN-5 the start page offers no new room and accepts a pasted link with its token', async () => {
    const { page } = await site.open('/');
    expect(await page.isVisible('#new-broadcast')).toBe(false);
    expect(await page.isVisible('#token-hint')).toBe(true);
    await page.fill('#join-room', `${site.server.url}/join/${room}#token=${await token()}`);
    await page.press('#join-room', 'Enter');
    await waitForStatus(page, 'live');
    await page.context().close();
  });

  test('SEC-7 the server’s log contains no token and no AUTH_SECRET, not even from wrong links', async () => {
    await fetch(`${site.server.url}/join/${room}?token=${await token()}`);
    await fetch(`${site.server.url}/nowhere?token=${await token()}`);
    await expect.poll(() => site.server.output, { timeout: 30_000 }).toContain('"url":"/nowhere"');
    expect(site.server.output).toContain('"msg":"request completed"');
    expect(site.server.output).not.toContain(AUTH_SECRET);
    for (const signed of issued) {
      for (const part of signed.split('.').slice(1)) expect(site.server.output).not.toContain(part);
    }
  });

  test('TOKEN-3 all pages recover with the tokens that they have when the server restarts', async () => {
    const viewer = await site.open(`/join/${room}#token=${await token()}`);
    await waitForStatus(viewer.page, 'live');
    await site.server.stop('SIGKILL');
    await site.server.start();
    await waitForStatus(publisher.page, 'live');
    await waitForFrames(viewer.page, 10);
    await waitForStatus(publisher.page, 'live');
    expect(site.server.output).not.toContain('"code":"token-');
  });
});
