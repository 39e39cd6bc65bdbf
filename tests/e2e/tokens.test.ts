import { createSecretKey } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { type Claims, signToken } from '#backend/admission/tokens.ts';
import { RoomIdSchema } from '#protocol/ids.ts';
import {
  copiedDiagnostics,
  launchBrowser,
  openPage,
  type OpenedPage,
} from '#testkit/browser/browser.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

const AUTH_SECRET = 'only for these tests, and long enough to sign with';
const key = createSecretKey(Buffer.from(AUTH_SECRET));
const room = v.parse(RoomIdSchema, 'by-token');
const made: string[] = [];

async function token(claims: Partial<Claims> = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  const signed = await signToken(key, { room, role: 'viewer', exp, ...claims });
  made.push(signed);
  return signed;
}

describe('with AUTH_SECRET', () => {
  let server: ServerProcess;
  let browser: Browser;
  let publisher: OpenedPage;

  beforeAll(async () => {
    server = await ServerProcess.start({ env: { AUTH_SECRET } });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const open = async (path: string): Promise<OpenedPage> =>
    openPage(await browser.newContext(), `${server.url}${path}`);
  const slate = (page: Page) => page.textContent('#slate-title');

  /** All that a person could read, copy or hand on from the page. */
  const shown = (page: Page): Promise<string> =>
    page.evaluate(() =>
      [
        location.href,
        document.documentElement.outerHTML,
        ...[...document.querySelectorAll('input')].map(({ value }) => value),
      ].join('\n'),
    );

  test('TOKEN-5 a publisher’s link goes on air, leaves the address bar, and a reload goes on', async () => {
    const signed = await token({ role: 'publisher' });
    publisher = await open(`/publish/${room}#token=${signed}`);
    const { page } = publisher;
    expect(page.url()).toBe(`${server.url}/publish/${room}`);
    await page.click('#start');
    await waitForStatus(page, 'live');
    await page.reload();
    await waitForStatus(page, 'live');
    expect(page.url()).toBe(`${server.url}/publish/${room}`);
    for (const part of signed.split('.').slice(1)) expect(await shown(page)).not.toContain(part);
    expect(await page.isVisible('#share-by-token')).toBe(true);
    for (const link of ['#share-link', '#qr', '#embed-code']) {
      expect([link, await page.isVisible(link)]).toEqual([link, false]);
    }
  });

  test('TOKEN-2 the publisher may watch: a tab opened from its page has its token, the link has not', async () => {
    const { page } = publisher;
    expect(await page.getAttribute('#open-link', 'href')).toBe(`${server.url}/join/${room}`);
    const [tab] = await Promise.all([
      page.context().waitForEvent('page'),
      page.click('#open-link'),
    ]);
    await waitForStatus(tab, 'live');
    await waitForFrames(tab, 5);
    await tab.close();
  });

  test('TOKEN-1 TOKEN-5 a viewer’s link shows the picture, now and after a reload', async () => {
    const { page, faults } = await open(`/join/${room}#token=${await token()}`);
    await waitForStatus(page, 'live');
    expect(page.url()).toBe(`${server.url}/join/${room}`);
    await page.reload();
    await waitForFrames(page, 5);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test('CONN-17 both pages copy their diagnostics as JSON, without a token', async () => {
    const viewer = await open(`/join/${room}#token=${await token()}`);
    await waitForStatus(viewer.page, 'live');
    await viewer.page.click('#stats-toggle');
    for (const [role, { page }] of Object.entries({ viewer, publisher })) {
      const text = await copiedDiagnostics(page);
      const diagnostics = JSON.parse(text);
      expect(diagnostics).toMatchObject({ role, room, status: 'live' });
      expect(diagnostics.transitions).not.toEqual([]);
      expect(diagnostics.stats).not.toEqual([]);
      for (const part of made.flatMap((signed) => signed.split('.'))) {
        expect(text).not.toContain(part);
      }
    }
    expect(viewer.faults).toEqual([]);
    await viewer.page.context().close();
  });

  test('TOKEN-1 TOKEN-5 a link that is no good says why, and a new one is taken without more ado', async () => {
    const bad: [string, string][] = [
      ['', 'This link is not complete'],
      ['#token=cut', 'This link is not valid'],
      [`#token=${await token({ exp: 1_000 })}`, 'This link has expired'],
      [
        `#token=${await token({ room: v.parse(RoomIdSchema, 'elsewhere') })}`,
        'This link is for another room',
      ],
    ];
    const { page } = await open(`/join/${room}`);
    for (const [fragment, title] of bad) {
      // Once the page is loaded, another fragment is no new page.
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

  test('TOKEN-2 TOKEN-5 a viewer’s link does not broadcast, and none at all is said before start is pressed', async () => {
    const lacking = await open(`/publish/${room}`);
    expect(await lacking.page.textContent('#notice-title')).toBe('This link is not complete');
    expect(await lacking.page.isVisible('#start')).toBe(false);
    await lacking.page.context().close();

    const { page } = await open(`/publish/${room}#token=${await token()}`);
    await page.click('#start');
    await waitForStatus(page, 'failed');
    expect(await page.textContent('#notice-title')).toBe('This link is for watching');
    expect(await publisher.page.getAttribute('#status', 'data-status')).toBe('live');
    await page.context().close();
  });

  test('TOKEN-5 the start page opens no room of its own, and takes a pasted link with its token', async () => {
    const { page } = await open('/');
    expect(await page.isVisible('#new-broadcast')).toBe(false);
    expect(await page.isVisible('#token-hint')).toBe(true);
    await page.fill('#join-room', `${server.url}/join/${room}#token=${await token()}`);
    await page.press('#join-room', 'Enter');
    await waitForStatus(page, 'live');
    await page.context().close();
  });

  test('SEC-7 nothing of this stands in the server’s log, not even of a link made wrongly', async () => {
    await fetch(`${server.url}/join/${room}?token=${await token()}`);
    await fetch(`${server.url}/nowhere?token=${await token()}`);
    await expect.poll(() => server.output).toContain('"url":"/nowhere"');
    expect(server.output).toContain('"msg":"request completed"');
    expect(server.output).not.toContain(AUTH_SECRET);
    for (const signed of made) {
      for (const part of signed.split('.').slice(1)) expect(server.output).not.toContain(part);
    }
  });

  test('TOKEN-3 a restart of the server finds everybody back with the tokens they have', async () => {
    const viewer = await open(`/join/${room}#token=${await token()}`);
    await waitForStatus(viewer.page, 'live');
    await server.stop('SIGKILL');
    await server.start();
    await waitForStatus(publisher.page, 'live');
    await waitForFrames(viewer.page, 10);
    await waitForStatus(publisher.page, 'live');
    expect(server.output).not.toContain('"code":"token-');
  });
});
