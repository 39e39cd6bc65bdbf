/** The test reads from the pixels which frame is shown: each frame carries its number as a barcode. */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { MatchMethod } from '#protocol/overlay.ts';
import type { FrameRecord } from '../../frontend/src/ui/frame-debug.ts';
import { barcodeDistance, barcodeScript } from '#testkit/media/barcode.ts';
import { barcodeCameraFile } from '#testkit/media/barcode-camera.ts';
import { goLive, type OpenedPage } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';

const ROOM = 'frames-test';

interface Seen {
  /** Barcode of the frame that is shown. */
  readonly video: number | undefined;
  /** Barcode of the frame that the drawn message was made from. */
  readonly data: number | undefined;
  readonly method: string | undefined;
  readonly number: number | undefined;
  readonly late: number;
}

/** A captured frame that was analysed: its number and its barcode. */
type Analysed = readonly [number: number, video: number];

declare global {
  var peers: RTCPeerConnection[];
  var seen: Seen[];
  var analysed: Analysed[];
  /** How long the next analysis takes, ms. */
  var analysisMs: () => number;
}

describe('overlay on its exact frame', () => {
  const site = sharedSite({}, { camera: barcodeCameraFile() });
  let publisher: OpenedPage;
  let viewer: OpenedPage;

  beforeAll(async () => {
    const context = await site.browser.newContext({ viewport: { width: 800, height: 500 } });
    await context.addInitScript(barcodeScript());
    await context.addInitScript(() => {
      globalThis.peers = [];
      globalThis.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(...args: ConstructorParameters<typeof RTCPeerConnection>) {
          super(...args);
          peers.push(this);
        }
      };
    });
    publisher = await site.open(`/publish/${ROOM}?debug`, context);
    await goLive(publisher.page);
    await sendBarcodes(publisher.page);
    viewer = await site.open(`/join/${ROOM}?debug`, context);
    await waitForStatus(viewer.page, 'live');
  });

  const sent = () => publisher.page.evaluate(() => analysed);

  test('FRAME-1 a viewer draws each message on the frame it was made from, on 99 % of 400 frames', async () => {
    // Video and data both take about 20 ms here: on a busy machine either can arrive first, and
    // either can stall for a while.
    await viewer.page.evaluate(() => onecast?.setPlayoutDelay?.(300));
    await waitForDelay(viewer.page, 300);
    const all = await recordFrames(viewer.page, 400);
    expect(all.filter(({ method }) => method !== 'tag')).toEqual([]);
    const { exact, judged, errors } = judge(all, await sent());
    // A busy machine analyses fewer frames; the other frames show the previous result.
    expect(judged).toBeGreaterThan(100);
    expect(
      exact,
      `errors: ${JSON.stringify([...errors])} of ${judged}, ${JSON.stringify(all.at(-1))}`,
    ).toBeGreaterThanOrEqual(0.99);
  });

  test('OBS-1 FRAME-8 the metrics count the viewer by its match method', async () => {
    await expect
      .poll(async () => site.server.metric('onecast_viewers_overlay_match{method="tag"}'), {
        timeout: 60_000,
      })
      .toBe(1);
  });

  test.each(['publisher', 'viewer'] as const)(
    'FRAME-1 FRAME-3 after a new transport of the %s, numbers go on and messages are on their frames again',
    async (who) => {
      const [before] = await recordFrames(viewer.page, 1);
      const { page } = who === 'publisher' ? publisher : viewer;
      await page.evaluate(() => onecast?.simulate('transport-loss'));
      await expect
        .poll(async () => judge(await recordFrames(viewer.page, 60), await sent()).exact, {
          timeout: 60_000,
        })
        .toBeGreaterThanOrEqual(0.99);
      const [after] = await recordFrames(viewer.page, 1);
      expect(after?.number).toBeGreaterThan(before?.number ?? Infinity);
    },
  );

  test('FRAME-7 with playout delay, data that takes 150 ± 100 ms to make lands on its frame', async () => {
    await publisher.page.evaluate(() => {
      globalThis.analysisMs = () => 50 + Math.random() * 200;
    });
    await viewer.page.evaluate(() => onecast?.setPlayoutDelay?.('off'));
    await waitForDelay(viewer.page, 0);
    const without = judge(await recordFrames(viewer.page, 150), await sent());
    await viewer.page.click('#stats-toggle');
    await viewer.page.selectOption('#playout-delay', 'auto');
    // The page changes the delay slowly, so that nobody notices.
    await expect
      .poll(() => viewer.page.textContent('#overlay-delay'), { timeout: 30_000 })
      .toMatch(/^[1-5]\d\d ms$/);
    await expect
      .poll(async () => judge(await recordFrames(viewer.page, 100), await sent()).exact, {
        timeout: 60_000,
      })
      .toBeGreaterThan(0.9);
    expect(without.exact).toBeLessThan(0.5);
    expect(await viewer.page.getAttribute('#player', 'data-overlay-match')).toBe('tag');
    expect(await viewer.page.textContent('#overlay-match')).toBe('Exact frame (tag)');
  });

  test('FRAME-2 FRAME-8 a browser without transforms shows the video and matches by capture time', async () => {
    const context = await site.browser.newContext({ viewport: { width: 800, height: 500 } });
    await context.addInitScript(barcodeScript());
    await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'RTCRtpScriptTransform'));
    const { page, faults } = await site.open(`/join/${ROOM}?debug`, context);
    await waitForStatus(page, 'live');
    const all = await recordFrames(page, 60, 'time');
    // A readable barcode means that the frame was decoded whole, despite the tag behind it.
    expect(all.filter(({ video }) => video !== undefined).length).toBeGreaterThan(50);
    expect(new Set(all.map(({ number }) => number))).toEqual(new Set([undefined]));
    expect(faults).toEqual([]);
    await context.close();
  });

  test('no page has a script error or violates the security policy', () => {
    expect([publisher, viewer].flatMap(({ faults }) => faults)).toEqual([]);
  });
});

/** Resolves when the browser delays the video by about `ms`; it approaches that slowly. */
async function waitForDelay(page: Page, ms: number): Promise<void> {
  await page.evaluate(async (wanted) => {
    const peer = peers.at(-1);
    const read = async () => {
      const report = await peer?.getStats();
      let sums = { delay: 0, count: 0 };
      report?.forEach((stats: Record<string, unknown>) => {
        if (stats['type'] !== 'inbound-rtp' || stats['kind'] !== 'video') return;
        if (stats['mid'] === 'probator') return;
        const delay = Number(stats['jitterBufferDelay']);
        sums = { delay: delay * 1000, count: Number(stats['jitterBufferEmittedCount']) };
      });
      return sums;
    };
    let before = await read();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const now = await read();
      const mean = (now.delay - before.delay) / (now.count - before.count);
      if (wanted === 0 ? mean < 70 : mean > wanted * 0.8) return;
      before = now;
    }
  }, ms);
}

/** Makes the publisher's page read the barcode of each captured frame and send it. */
async function sendBarcodes(page: Page): Promise<void> {
  await page.evaluate(() => {
    globalThis.analysed = [];
    globalThis.analysisMs = () => 0;
    onecast?.watchFrames?.((image, name) => {
      const number = barcode.readFrom(image);
      image.close();
      if (number === undefined) return;
      if (name.number !== undefined) analysed.push([name.number, number]);
      const send = () =>
        onecast?.sendOverlay?.({
          kind: 'shapes',
          topic: 'barcode',
          capturedAt: name.capturedAt ?? Date.now(),
          ttlMs: 1000,
          frame: name,
          shapes: [{ type: 'label', x: 0.5, y: 0.9, text: String(number) }],
        });
      const takes = analysisMs();
      if (takes === 0) send();
      else setTimeout(send, takes);
    });
  });
}

/** Records `count` frames, from the first message on that was matched by this method. */
async function recordFrames(page: Page, count: number, by: MatchMethod = 'tag'): Promise<Seen[]> {
  await page.evaluate((expected) => {
    if (!onecast) throw new Error('no debug object');
    globalThis.seen = [];
    onecast.onFrameDrawn = (record: FrameRecord) => {
      const { method, number, late } = record;
      // The first third of a second: the publisher is still finding out which frame is which.
      if (seen.length === 0 && method !== expected) return;
      const [drawn] = record.drawn;
      const label = drawn?.shapes.find((shape) => shape.type === 'label');
      seen.push({
        // The frame that the overlay was matched to.
        video: record.image && barcode.readFrom(record.image),
        data: label?.type === 'label' ? Number(label.text) : undefined,
        method,
        number,
        late,
      });
    };
  }, by);
  await page.waitForFunction((wanted) => seen.length >= wanted, count, {
    polling: 200,
    timeout: 60_000,
  });
  return page.evaluate(() => seen);
}

/** By how many frames the drawn data misses, over all frames that data was made from. */
function judge(all: readonly Seen[], analysed: readonly Analysed[]) {
  const barcodes = new Map(analysed);
  const errors = new Map<number, number>();
  for (const { video, data, number } of all) {
    if (video === undefined || data === undefined || number === undefined) continue;
    // The number in the tag is not trusted: the barcode must match one of the frames around it.
    const near = Array.from({ length: 21 }, (_, i) => barcodes.get(number - 10 + i));
    if (!near.includes(video)) continue;
    const off = barcodeDistance(data, video);
    errors.set(off, (errors.get(off) ?? 0) + 1);
  }
  const judged = [...errors.values()].reduce((sum, count) => sum + count, 0);
  return { exact: (errors.get(0) ?? 0) / judged, judged, errors };
}
