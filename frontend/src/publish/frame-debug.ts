import type { FrameId } from '#protocol/overlay.ts';
import { debugConsole } from '#client/connection/page-console.ts';
import type { OutgoingOverlayMessage } from '#client/overlay/overlay-sender.ts';
import type { Picture } from '#client/frame-sync/messages.ts';
import type { PublisherFrames } from '#client/frame-sync/publisher-frames.ts';

declare module '#client/connection/page-console.ts' {
  interface PageConsole {
    /**
     * Publisher: shows captured frames to `look`, one at a time; it closes the picture. Returns what
     * stops it.
     */
    watchFrames?: (
      look: (picture: Picture, name: FrameId) => Promise<void> | void,
      everyMs?: number,
    ) => () => void;
    /** Publisher: sends an overlay message; false where it was dropped. */
    sendOverlay?: (message: OutgoingOverlayMessage) => boolean;
  }
}

/** Does nothing on a page without `?debug`. */
export function offerFrameDebug(
  frames: PublisherFrames,
  send: (message: OutgoingOverlayMessage) => boolean,
): void {
  const debug = debugConsole();
  if (!debug) return;
  debug.watchFrames = (look, everyMs = 0) =>
    frames.watch({ frames: true, everyMs }, (name, picture) => picture && look(picture, name));
  debug.sendOverlay = send;
}
