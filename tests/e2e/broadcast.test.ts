import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, openPage, type OpenedPage } from '#testkit/browser/browser.ts';
import {
  expectedColour,
  waitForFrames,
  quarterColours,
  squareAndBox,
  waitForStatus,
} from '#testkit/browser/shown-video.ts';
import { recordPages, firstStatusSince } from '#testkit/browser/page-recorder.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

const ROOM = 'broadcast-test';
const WIDE = { width: 1280, height: 720 };
const TALL = { width: 500, height: 800 };

describe('one publisher, three viewers', () => {
  let server: ServerProcess;
  let browser: Browser;
  let publisher: OpenedPage;
  const viewers: OpenedPage[] = [];
  const all = () => [publisher, ...viewers];

  const newContext = async (): Promise<BrowserContext> => {
    const context = await browser.newContext({ viewport: WIDE });
    await recordPages(context);
    return context;
  };
  const first = (): Page => {
    const page = viewers[0]?.page;
    if (!page) throw new Error('no viewer');
    return page;
  };

  beforeAll(async () => {
    server = await ServerProcess.start();
    browser = await launchBrowser();
    publisher = await openPage(await newContext(), `${server.url}/publish/${ROOM}`);
    await publisher.page.selectOption('#overlay-source', 'motion');
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    for (let i = 0; i < 3; i += 1) {
      viewers.push(await openPage(await newContext(), `${server.url}/join/${ROOM}`));
    }
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** Every viewer shows new frames, and the overlay moves with the picture. */
  async function allSeeIt(frames: number): Promise<void> {
    await Promise.all(
      viewers.map(async ({ page }) => {
        await waitForStatus(page, 'live');
        await waitForFrames(page, frames);
      }),
    );
    await freshOverlay(first());
  }

  async function freshOverlay(page: Page): Promise<void> {
    const places = new Set<number>();
    await expect
      .poll(
        async () => {
          const { drawn } = await squareAndBox(page);
          if (drawn) places.add(Math.round(drawn.left * 50));
          return places.size;
        },
        { timeout: 60_000, interval: 100 },
      )
      .toBeGreaterThanOrEqual(3);
  }

  test('MEDIA-1 three viewers in contexts of their own decode 50 advancing frames each', async () => {
    await Promise.all(viewers.map(({ page }) => waitForFrames(page, 50)));
    for (const { page } of viewers) {
      expect(await page.getAttribute('#status', 'data-status')).toBe('live');
    }
  });

  test('OBS-1 LIMIT-8 the metrics count what flows, and no honest page is refused', async () => {
    const flowed = async (direction: string) =>
      server.metric(`onecast_media_bytes_total{direction="${direction}"}`);
    for (const direction of ['in', 'out']) {
      await expect
        .poll(async () => flowed(direction), { timeout: 60_000, interval: 100 })
        .toBeGreaterThan(100_000);
    }
    expect(await server.metric('onecast_viewers')).toBe(3);
    expect(await server.metric('onecast_overlay_messages_total{fate="taken"}')).toBeGreaterThan(0);
    for (const code of ['too-many', 'bitrate-exceeded', 'overlay-flood', 'bad-request']) {
      expect([code, await server.metric(`onecast_refused_total{code="${code}"}`)]).toEqual([
        code,
        0,
      ]);
    }
  });

  test('MEDIA-1 the decoded pixels are the publisher’s', async () => {
    for (const { page } of viewers) {
      const colours = await quarterColours(page);
      for (const quarter of ['topLeft', 'topRight', 'bottomLeft', 'bottomRight'] as const) {
        const expected = expectedColour(quarter);
        for (const [i, value] of colours[quarter].entries()) {
          expect(
            Math.abs(value - (expected[i] ?? 0)),
            `${quarter} is ${colours[quarter].join()} and should be ${expected.join()}`,
          ).toBeLessThan(40);
        }
      }
    }
  });

  test.each([
    ['wide', WIDE],
    ['tall', TALL],
  ])('OVL-1 the motion boxes are drawn where the picture moves, window %s', async (_, size) => {
    const page = first();
    await page.setViewportSize(size);
    await waitForFrames(page, 10);
    // The box is some frames behind the picture it is held against, so many moments are looked at.
    const offsets: number[] = [];
    const edges: number[] = [];
    const strays: number[] = [];
    await expect
      .poll(
        async () => {
          const { square, drawn, outside } = await squareAndBox(page);
          strays.push(outside);
          if (square && drawn) {
            const centre = (rect: typeof square) => (rect.left + rect.right) / 2;
            offsets.push(Math.abs(centre(drawn) - centre(square)));
            // The upper edge is the label's; the lower one is the box's own.
            edges.push(Math.abs(drawn.bottom - square.bottom));
          }
          return offsets.length;
        },
        { timeout: 60_000, interval: 50 },
      )
      .toBeGreaterThanOrEqual(20);
    expect(median(offsets)).toBeLessThan(0.12);
    expect(median(edges)).toBeLessThan(0.06);
    expect(Math.max(...strays)).toBeLessThan(0.02);
  });

  test('MEDIA-4 the publisher sees how many are watching', async () => {
    await first().setViewportSize(WIDE);
    await expect
      .poll(() => publisher.page.textContent('#viewers'), { timeout: 30_000 })
      .toContain('3');
  });

  test('ROOM-8 CONN-14 the publisher reloads: viewers see the new broadcast, no hand on their pages', async () => {
    const marks = await Promise.all(viewers.map(({ page }) => markDocument(page)));
    const since = Date.now();
    await publisher.page.reload();
    await waitForStatus(publisher.page, 'live');
    await allSeeIt(30);
    for (const { page } of viewers) {
      expect(await firstStatusSince(page, since, 'ended', 'failed', 'connecting')).toBeUndefined();
    }
    expect(await Promise.all(viewers.map(({ page }) => documentMark(page)))).toEqual(marks);
  });

  test('ROOM-5 the publisher stops and starts again', async () => {
    const marks = await Promise.all(viewers.map(({ page }) => markDocument(page)));
    await publisher.page.click('#stop');
    await Promise.all(viewers.map(({ page }) => waitForStatus(page, 'ended')));
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    await allSeeIt(30);
    expect(await Promise.all(viewers.map(({ page }) => documentMark(page)))).toEqual(marks);
  });

  test('a viewer reloads', async () => {
    await first().reload();
    await allSeeIt(30);
    await expect
      .poll(() => publisher.page.textContent('#viewers'), { timeout: 60_000 })
      .toContain('3');
  });

  test('ROOM-8 the server is killed and starts again: everybody is back', async () => {
    const marks = await Promise.all(all().map(({ page }) => markDocument(page)));
    await server.stop('SIGKILL');
    await server.start();
    await waitForStatus(publisher.page, 'live');
    await allSeeIt(30);
    expect(await Promise.all(all().map(({ page }) => documentMark(page)))).toEqual(marks);
  });

  test('no page has raised an error or been held back by the security policy', () => {
    expect(all().flatMap(({ faults }) => faults)).toEqual([]);
  });

  test('SRV-4 SIGTERM while people watch: clean exit', async () => {
    expect(await server.stop('SIGTERM')).toBe(0);
  });
});

/** Survives anything but a reload of the page. */
async function markDocument(page: Page): Promise<string> {
  return page.evaluate(() => {
    const mark = String(Math.random());
    document.documentElement.dataset['mark'] = mark;
    return mark;
  });
}

async function documentMark(page: Page): Promise<string | undefined> {
  return page.evaluate(() => document.documentElement.dataset['mark']);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
