/** Reads what a page really shows: decoded pixels, the drawn overlay, and the status. */
import type { Page } from 'playwright-core';
import { QUARTERS } from '../media/cameras.ts';

/** How many frames the page's video has shown so far. */
export async function shownFrames(page: Page, selector = '#video'): Promise<number> {
  return page
    .locator(selector)
    .evaluate((video: HTMLVideoElement) => video.getVideoPlaybackQuality().totalVideoFrames);
}

/** Resolves when the video has shown `count` more frames than now. */
export async function waitForFrames(page: Page, count: number, selector = '#video') {
  const before = await shownFrames(page, selector);
  await page.waitForFunction(
    ([id, target]) => {
      const video = document.querySelector<HTMLVideoElement>(id);
      return video !== null && video.getVideoPlaybackQuality().totalVideoFrames >= target;
    },
    [selector, before + count] as const,
    { polling: 50, timeout: 60_000 },
  );
}

export async function waitForStatus(page: Page, status: string, timeout = 60_000): Promise<void> {
  await page.waitForSelector(`#status[data-status="${status}"]`, { state: 'attached', timeout });
}

/** RGB of one pixel of each quarter of the decoded frame; the white square never covers it. */
export async function quarterColours(page: Page) {
  return page.locator('#video').evaluate((video: HTMLVideoElement) => {
    const canvas = new OffscreenCanvas(96, 54);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('no canvas');
    context.drawImage(video, 0, 0, 96, 54);
    const at = (x: number, y: number): [number, number, number] => {
      const [r = 0, g = 0, b = 0] = context.getImageData(x, y, 1, 1).data;
      return [r, g, b];
    };
    return {
      topLeft: at(20, 8),
      topRight: at(76, 8),
      bottomLeft: at(20, 46),
      bottomRight: at(76, 46),
    };
  });
}

/** RGB of a quarter of the colour camera: BT.601 full range, as Chromium reads a C420jpeg file. */
export function expectedColour(quarter: keyof typeof QUARTERS): [number, number, number] {
  const [y, cb, cr] = QUARTERS[quarter].yuv;
  const clamp = (value: number) => Math.max(0, Math.min(255, Math.round(value)));
  return [
    clamp(y + 1.402 * (cr - 128)),
    clamp(y - 0.344 * (cb - 128) - 0.714 * (cr - 128)),
    clamp(y + 1.772 * (cb - 128)),
  ];
}

export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * At one moment: where the white square is in the decoded frame, and where the overlay is drawn.
 * Both are relative to the frame (0 to 1). `drawn` is computed from the canvas's pixels and the
 * frame's real rectangle within the video element; `outside` is how far it extends beyond the frame.
 */
export async function squareAndBox(
  page: Page,
): Promise<{ square: Rect | null; drawn: Rect | null; outside: number }> {
  return page.evaluate(() => {
    const video = document.querySelector<HTMLVideoElement>('#video');
    const overlay = document.querySelector<HTMLCanvasElement>('#overlay');
    if (!video || !overlay) throw new Error('no video or overlay');

    const boundsOf = (
      image: ImageData,
      matches: (i: number, data: Uint8ClampedArray) => boolean,
    ) => {
      let left = Infinity;
      let top = Infinity;
      let right = -1;
      let bottom = -1;
      for (let y = 0; y < image.height; y += 1) {
        for (let x = 0; x < image.width; x += 1) {
          if (!matches((y * image.width + x) * 4, image.data)) continue;
          left = Math.min(left, x);
          top = Math.min(top, y);
          right = Math.max(right, x);
          bottom = Math.max(bottom, y);
        }
      }
      return right < 0 ? null : { left, top, right: right + 1, bottom: bottom + 1 };
    };

    const small = new OffscreenCanvas(192, 108).getContext('2d', { willReadFrequently: true });
    const drawnContext = overlay.getContext('2d');
    if (!small || !drawnContext) throw new Error('no context');
    small.drawImage(video, 0, 0, 192, 108);
    const white = boundsOf(
      small.getImageData(0, 0, 192, 108),
      (i, data) => (data[i] ?? 0) > 190 && (data[i + 1] ?? 0) > 190 && (data[i + 2] ?? 0) > 190,
    );
    const ink = boundsOf(
      drawnContext.getImageData(0, 0, overlay.width, overlay.height),
      (i, data) => (data[i + 3] ?? 0) > 0,
    );

    // The frame's rectangle in canvas pixels, computed here and not by the code under test.
    const box = video.getBoundingClientRect();
    const canvasBox = overlay.getBoundingClientRect();
    const scale = Math.min(box.width / video.videoWidth, box.height / video.videoHeight);
    const ratio = overlay.width / canvasBox.width;
    const width = video.videoWidth * scale * ratio;
    const height = video.videoHeight * scale * ratio;
    const x0 = (box.left - canvasBox.left) * ratio + (box.width * ratio - width) / 2;
    const y0 = (box.top - canvasBox.top) * ratio + (box.height * ratio - height) / 2;

    const drawn = ink && {
      left: (ink.left - x0) / width,
      top: (ink.top - y0) / height,
      right: (ink.right - x0) / width,
      bottom: (ink.bottom - y0) / height,
    };
    return {
      square: white && {
        left: white.left / 192,
        top: white.top / 108,
        right: white.right / 192,
        bottom: white.bottom / 108,
      },
      drawn,
      outside: drawn ? Math.max(0, -drawn.left, -drawn.top, drawn.right - 1, drawn.bottom - 1) : 0,
    };
  });
}
