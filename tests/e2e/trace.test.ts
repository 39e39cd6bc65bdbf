import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { goLive } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';

const ROOM = 'traced';

describe('the trace of a connection', () => {
  const site = sharedSite();
  let publisher: Page;

  beforeAll(async () => {
    ({ page: publisher } = await site.open(`/publish/${ROOM}`));
    await goLive(publisher);
  });

  /** The phases that a page's connection went through, each change once. */
  const phases = (page: Page) =>
    page.evaluate(() =>
      (onecast?.trace() ?? []).filter(({ from, to }) => from !== to).map(({ to }) => to),
    );

  test('CONN-17 shows the phases of a join, and those of a reconnection', async () => {
    const { page } = await site.open(`/join/${ROOM}?debug`);
    await waitForStatus(page, 'live');
    await expect.poll(() => phases(page), { timeout: 30_000 }).toContain('live');
    const joined = await phases(page);
    expect(joined.slice(0, 2)).toEqual(['connecting', 'joining']);
    expect(joined.at(-1)).toBe('live');

    await page.evaluate(() => onecast?.simulate('socket-drop'));
    await expect
      .poll(async () => (await phases(page)).slice(joined.length), { timeout: 30_000 })
      .toEqual(['waiting', 'connecting', 'resuming', 'live']);
    await waitForFrames(page, 10);
    await page.context().close();
  });

  test('CONN-17 SEC-7 every page has diagnostics, without a secret', async () => {
    const { page } = await site.open(`/join/${ROOM}`);
    await waitForStatus(page, 'live');
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
    await page.context().close();
  });
});
