/** The overlay source: a script in the publisher's page that runs before the page's own scripts. */
import type { CameraSize } from '#testkit/media/y4m.ts';
import { canvasCameraScript } from '#testkit/media/barcode-camera.ts';
import { barcodeScript } from '#testkit/media/barcode.ts';
import { overlayCodeScript } from './overlay-code.ts';
import type { BrowserName } from './pages.ts';

/** The simulated time of a frame's analysis: `afterMs` ± `spreadMs`. */
export interface Analysis {
  readonly afterMs: number;
  readonly spreadMs: number;
}

export interface SentMessage {
  /** The number in the frame. */
  readonly number: number;
  /** ms since 1970. */
  readonly at: number;
}

export interface PublisherBench {
  readonly sent: readonly SentMessage[];
  /** Reads the number of each captured frame and sends it as the overlay of exactly that frame. */
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
      if (!debug?.watchFrames) throw new Error('this is not a publisher page with ?debug');
      stop = debug.watchFrames(async (frame, name) => {
        const number = barcode.readFrom(frame);
        frame.close();
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
