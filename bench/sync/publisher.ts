/** Runs in the publisher's page, before its own scripts. */
import { canvasCameraScript } from '#testkit/media/barcode-camera.ts';
import { barcodeScript } from '#testkit/media/barcode.ts';
import type { CameraSize } from '#testkit/media/y4m.ts';
import { overlayCodeScript } from './overlay-code.ts';
import type { BrowserName } from './pages.ts';

/** How long the analysis of a frame pretends to take: `afterMs` give or take `spreadMs`. */
export interface Analysis {
  readonly afterMs: number;
  readonly spreadMs: number;
}

export interface SentMessage {
  /** The number on the picture of its frame. */
  readonly number: number;
  /** ms since 1970. */
  readonly at: number;
}

export interface PublisherBench {
  readonly sent: readonly SentMessage[];
  /** Reads the number on each captured frame and sends it as the overlay of that very frame. */
  start(analysis: Analysis): void;
}

declare global {
  var publisherBench: PublisherBench;
}

export function publisherScript(browser: BrowserName, size: CameraSize): string {
  const camera = browser === 'firefox' ? canvasCameraScript(size) : barcodeScript();
  return `${camera}
  ${overlayCodeScript()}
  (${install.toString()})();`;
}

function install(): void {
  let stop: (() => void) | undefined;
  const sent: SentMessage[] = [];
  globalThis.publisherBench = {
    sent,
    start({ afterMs, spreadMs }) {
      stop?.();
      const debug = globalThis.onecast;
      if (!debug?.watchFrames) throw new Error('this is no publisher page with ?debug');
      stop = debug.watchFrames(async (picture, name) => {
        const number = barcode.readFrom(picture);
        picture.close();
        if (number === undefined) return;
        if (afterMs > 0) {
          const takes = afterMs + (Math.random() * 2 - 1) * spreadMs;
          await new Promise((resolve) => setTimeout(resolve, takes));
        }
        debug.sendOverlay?.({
          kind: 'shapes',
          topic: 'sync',
          capturedAt: name.capturedAt ?? Date.now(),
          frame: name,
          shapes: overlayCode.shapes(number),
        });
        sent.push({ number, at: performance.timeOrigin + performance.now() });
        if (sent.length > 20_000) sent.shift();
      });
    },
  };
}
