/** A phone that is held upright, on its side and on its head. */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { goLive, type OpenedPage } from '#testkit/browser/browser.ts';
import { usePhoneCamera } from '#testkit/browser/phone-camera.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { squareAndBox, waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';

const ROOM = 'rotation-test';

declare global {
  var rotationPeers: RTCPeerConnection[];
}

describe('MEDIA-6 a phone as publisher', () => {
  const site = sharedSite();
  let publisher: OpenedPage;
  let viewer: OpenedPage;

  beforeAll(async () => {
    const context = await site.browser.newContext({ viewport: { width: 900, height: 700 } });
    await context.addInitScript(usePhoneCamera);
    await context.addInitScript(() => {
      globalThis.rotationPeers = [];
      globalThis.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(...args: ConstructorParameters<typeof RTCPeerConnection>) {
          super(...args);
          rotationPeers.push(this);
        }
      };
    });
    publisher = await site.open(`/publish/${ROOM}`, context);
    await publisher.page.selectOption('#overlay-source', 'motion');
    await goLive(publisher.page);
    viewer = await site.open(`/join/${ROOM}`, context);
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 10);
  });

  // One after the other in one broadcast: the phone is turned while it is on air.
  test.each([
    [90, { shape: 'tall', top: 'red', bottom: 'blue' }],
    [0, { shape: 'wide', left: 'red', right: 'blue' }],
    [270, { shape: 'tall', top: 'blue', bottom: 'red' }],
    [180, { shape: 'wide', left: 'blue', right: 'red' }],
  ])('at %i degrees the picture is upright, in its own pixels', async (rotation, expected) => {
    await publisher.page.evaluate((angle) => {
      globalThis.phoneRotation = angle;
    }, rotation);
    const preview = { ...expected, encoded: undefined };
    await expect.poll(() => look(publisher.page, '#preview')).toMatchObject(preview);
    // What is encoded is upright, so that no browser needs to know about angles.
    const shown = { ...expected, encoded: expected.shape };
    await expect.poll(() => look(viewer.page, '#video'), { timeout: 30_000 }).toMatchObject(shown);
  });

  test('the boxes lie on what moves, for both sides', async () => {
    await publisher.page.evaluate(() => {
      globalThis.phoneRotation = 90;
    });
    await expect.poll(() => look(viewer.page, '#video')).toMatchObject({ shape: 'tall' });
    const offsets: number[] = [];
    await expect
      .poll(
        async () => {
          const { square, drawn, outside } = await squareAndBox(viewer.page);
          expect(outside).toBeLessThan(0.02);
          if (square && drawn) {
            const centre = (low: number, high: number) => (low + high) / 2;
            offsets.push(
              Math.abs(centre(square.left, square.right) - centre(drawn.left, drawn.right)),
            );
          }
          return offsets.length;
        },
        { timeout: 30_000, interval: 100 },
      )
      .toBeGreaterThanOrEqual(10);
    // Along the side on which the square keeps its place: 0.6 off where the box lies on its side.
    expect(offsets.toSorted((a, b) => a - b)[5]).toBeLessThan(0.1);
  });

  test('no page has a script error', () => {
    expect([publisher, viewer].flatMap(({ faults }) => faults)).toEqual([]);
  });
});

/** What the page shows at its four edges; `encoded`: the shape of what a viewer decodes. */
async function look(page: Page, selector: string) {
  return page.evaluate(async (id) => {
    const video = document.querySelector<HTMLVideoElement>(id);
    const context = new OffscreenCanvas(60, 60).getContext('2d', { willReadFrequently: true });
    if (!video || !context || video.videoWidth === 0) return undefined;
    context.drawImage(video, 0, 0, 60, 60);
    const colourAt = (x: number, y: number) => {
      const [red = 0, , blue = 0] = context.getImageData(x, y, 1, 1).data;
      return red > blue ? 'red' : 'blue';
    };
    const shapeOf = (width: number, height: number) => (width > height ? 'wide' : 'tall');
    let encoded: string | undefined;
    for (const peer of rotationPeers) {
      if (peer.connectionState !== 'connected') continue;
      for (const stats of (await peer.getStats()).values()) {
        if (stats.type === 'inbound-rtp' && stats.kind === 'video' && stats.frameWidth) {
          encoded = shapeOf(stats.frameWidth, stats.frameHeight);
        }
      }
    }
    return {
      shape: shapeOf(video.videoWidth, video.videoHeight),
      top: colourAt(30, 4),
      bottom: colourAt(30, 55),
      left: colourAt(4, 30),
      right: colourAt(55, 30),
      encoded,
    };
  }, selector);
}
