import type { BrowserContext, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { goLive, type OpenedPage } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import {
  expectedColour,
  waitForFrames,
  quarterColours,
  squareAndBox,
  waitForStatus,
} from '#testkit/browser/shown-video.ts';
import { recordPages, firstStatusSince } from '#testkit/browser/page-recorder.ts';

const ROOM = 'broadcast-test';
const WIDE = { width: 1280, height: 720 };
const TALL = { width: 500, height: 800 };

describe('one publisher, three viewers', () => {
  const site = sharedSite();
  let publisher: OpenedPage;
  const viewers: OpenedPage[] = [];
  const all = () => [publisher, ...viewers];

  const newContext = async (): Promise<BrowserContext> => {
    const context = await site.browser.newContext({ viewport: WIDE });
    await recordPages(context);
    return context;
  };
  const first = (): Page => {
    const page = viewers[0]?.page;
    if (!page) throw new Error('no viewer');
    return page;
  };

  beforeAll(async () => {
    publisher = await site.open(`/publish/${ROOM}`, await newContext());
    await publisher.page.selectOption('#overlay-source', 'motion');
    await goLive(publisher.page);
    for (let i = 0; i < 3; i += 1) {
      viewers.push(await site.open(`/join/${ROOM}`, await newContext()));
    }
  });

  /** Expects that every viewer shows new frames, and that the overlay of the first one moves. */
  async function expectAllWatch(frames: number): Promise<void> {
    await Promise.all(
      viewers.map(async ({ page }) => {
        await waitForStatus(page, 'live');
        await waitForFrames(page, frames);
      }),
    );
    await expectMovingOverlay(first());
  }

  async function expectMovingOverlay(page: Page): Promise<void> {
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

  test('MEDIA-1 three viewers in separate browser contexts decode 50 more frames each', async () => {
    await Promise.all(viewers.map(({ page }) => waitForFrames(page, 50)));
    for (const { page } of viewers) {
      expect(await page.getAttribute('#status', 'data-status')).toBe('live');
    }
  });

  test('OBS-1 LIMIT-8 the metrics count the traffic, and the server refuses no honest page', async () => {
    const flowed = async (direction: string) =>
      site.server.metric(`onecast_media_bytes_total{direction="${direction}"}`);
    for (const direction of ['in', 'out']) {
      await expect
        .poll(async () => flowed(direction), { timeout: 60_000, interval: 100 })
        .toBeGreaterThan(100_000);
    }
    expect(await site.server.metric('onecast_viewers')).toBe(3);
    expect(
      await site.server.metric('onecast_overlay_messages_total{fate="taken"}'),
    ).toBeGreaterThan(0);
    for (const code of ['too-many', 'bitrate-exceeded', 'overlay-flood', 'bad-request']) {
      expect([code, await site.server.metric(`onecast_refused_total{code="${code}"}`)]).toEqual([
        code,
        0,
      ]);
    }
  });

  test('EGRESS-9 browsers prove their addresses by answering checks, and lose nothing until then', async ({
    skip,
  }) => {
    const sum = async (name: string, labels: string) => {
      const values = site.server.workerPids.map((_, index) =>
        site.server.metric(`${name}{worker="${index}"${labels}}`),
      );
      return (await Promise.all(values)).reduce((total, value) => total + value, 0);
    };
    if ((await sum('onecast_media_port_protected', '')) === 0) skip('there is no library');
    const pages = viewers.length + 1;
    expect(
      await sum('onecast_media_addresses_proved_total', ',way="check"'),
    ).toBeGreaterThanOrEqual(pages);
    for (const reason of ['unproved-address', 'oversize', 'connection', 'frame']) {
      const kept = await sum('onecast_media_port_refused_total', `,reason="${reason}"`);
      expect([reason, kept]).toEqual([reason, 0]);
    }
  });

  test('MEDIA-1 every viewer decodes the publisher’s pixels', async () => {
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
  ])('OVL-1 a viewer draws the motion boxes where the video moves, window %s', async (_, size) => {
    const page = first();
    await page.setViewportSize(size);
    await waitForFrames(page, 10);
    // The box is some frames behind the video, so the test samples many moments.
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
            // The upper edge belongs to the label; the lower edge is the box's own.
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

  test('ROOM-8 CONN-14 viewers see the new broadcast in the same page when the publisher reloads', async () => {
    const marks = await Promise.all(viewers.map(({ page }) => markDocument(page)));
    const since = Date.now();
    await publisher.page.reload();
    await waitForStatus(publisher.page, 'live');
    await expectAllWatch(30);
    for (const { page } of viewers) {
      expect(await firstStatusSince(page, since, 'ended', 'failed', 'connecting')).toBeUndefined();
    }
    expect(await Promise.all(viewers.map(({ page }) => documentMark(page)))).toEqual(marks);
  });

  test('ROOM-5 viewers stay and see the next broadcast when the publisher stops and starts again', async () => {
    const marks = await Promise.all(viewers.map(({ page }) => markDocument(page)));
    await publisher.page.click('#stop');
    await Promise.all(viewers.map(({ page }) => waitForStatus(page, 'ended')));
    await goLive(publisher.page);
    await expectAllWatch(30);
    expect(await Promise.all(viewers.map(({ page }) => documentMark(page)))).toEqual(marks);
  });

  test('MEDIA-4 a viewer that reloads watches again and is counted once', async () => {
    await first().reload();
    await expectAllWatch(30);
    await expect
      .poll(() => publisher.page.textContent('#viewers'), { timeout: 60_000 })
      .toContain('3');
  });

  test('ROOM-8 all pages recover without a reload when the server is killed and starts again', async () => {
    const marks = await Promise.all(all().map(({ page }) => markDocument(page)));
    await site.server.stop('SIGKILL');
    await site.server.start();
    await waitForStatus(publisher.page, 'live');
    await expectAllWatch(30);
    expect(await Promise.all(all().map(({ page }) => documentMark(page)))).toEqual(marks);
  });

  test('SEC-8 no page has a script error or violates the security policy', () => {
    expect(all().flatMap(({ faults }) => faults)).toEqual([]);
  });

  test('SRV-4 the server exits with 0 on SIGTERM while viewers watch', async () => {
    expect(await site.server.stop('SIGTERM')).toBe(0);
  });
});

/** Marks the document; the mark survives anything but a reload of the page. */
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
