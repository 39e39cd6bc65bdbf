/** What a page with `?debug` offers about single frames of video, for tests and benchmarks. */
import type { FrameId, MatchMethod } from '#protocol/overlay.ts';
import { debugConsole } from '#client/connection/page-console.ts';
import type { MatchStats } from '#client/frame-sync/viewer/frame-match.ts';
import type { FrameImage } from '#client/frame-sync/messages.ts';
import type { PublisherFrames } from '#client/frame-sync/publisher/publisher-frames.ts';
import type { DrawnFrame, OverlayLayer } from '#client/overlay/overlay-layer.ts';
import type { OutgoingOverlayMessage } from '#client/overlay/overlay-sender.ts';
import type { PlayoutDelay, PlayoutDelayMode } from '#client/overlay/playout-delay.ts';

/** What the viewer drew on one frame of the video, and how messages find their frames at the moment. */
export interface FrameRecord extends DrawnFrame {
  readonly method: MatchStats['method'];
  /** The playout delay, ms. */
  readonly delayMs: number;
  readonly late: number;
  readonly dropped: number;
}

declare module '#client/connection/page-console.ts' {
  interface PageConsole {
    /** Viewer: called for each frame of the video, right after its overlay was drawn. */
    onFrameDrawn?: ((record: FrameRecord) => void) | undefined;
    /** Viewer: uses no method more exact than this one; undefined removes the limit. */
    forceMatch?: (method: MatchMethod | undefined) => void;
    /** Viewer: sets the playout delay. */
    setPlayoutDelay?: (mode: PlayoutDelayMode) => void;
    /**
     * Publisher: passes captured frames to `look`, one at a time; `look` closes the image. Returns
     * a function that stops it.
     */
    watchFrames?: (
      look: (image: FrameImage, frameId: FrameId) => Promise<void> | void,
      everyMs?: number,
    ) => () => void;
    /** Publisher: sends an overlay message; false if it was dropped. */
    sendOverlay?: (message: OutgoingOverlayMessage) => boolean;
  }
}

/** Does nothing on a page without `?debug`. */
export function offerViewerFrames(layer: OverlayLayer, playoutDelay: PlayoutDelay): void {
  const debug = debugConsole();
  if (!debug) return;
  debug.setPlayoutDelay = (mode) => playoutDelay.setMode(mode, performance.now());
  debug.forceMatch = (method) => layer.limitMatch(method);
  layer.onFrameDrawn = (frame) => {
    const { method, late = 0, dropped = 0 } = layer.matchStats ?? {};
    debug.onFrameDrawn?.({ ...frame, method, delayMs: playoutDelay.delayMs.value, late, dropped });
  };
}

/** Does nothing on a page without `?debug`. */
export function offerPublisherFrames(
  frames: PublisherFrames,
  send: (message: OutgoingOverlayMessage) => boolean,
): void {
  const debug = debugConsole();
  if (!debug) return;
  debug.watchFrames = (look, everyMs = 0) =>
    frames.watch({ images: true, everyMs }, (frameId, image) => image && look(image, frameId));
  debug.sendOverlay = send;
}
