import type { MatchMethod } from '#protocol/overlay.ts';
import { debugConsole } from '#client/connection/page-console.ts';
import type { MatchStats } from '#client/frame-sync/frame-match.ts';
import type { PlayoutDelay, PlayoutDelayMode } from '#client/overlay/playout-delay.ts';
import type { DrawnFrame, OverlayLayer } from '#client/overlay/layer.ts';

/** What was drawn on one frame of the video, and how messages find their frames at the moment. */
export interface FrameRecord extends DrawnFrame {
  readonly method: MatchStats['method'];
  /** By which the picture is held back. */
  readonly delayMs: number;
  readonly late: number;
  readonly dropped: number;
}

declare module '#client/connection/page-console.ts' {
  interface PageConsole {
    /** Viewer: called for each frame of the video, right after what belongs on it was drawn. */
    onFrameDrawn?: ((record: FrameRecord) => void) | undefined;
    /** Viewer: no surer method than this is used; undefined takes the limit off. */
    forceMatch?: (method: MatchMethod | undefined) => void;
    /** Viewer: holds the picture back. */
    setPlayoutDelay?: (mode: PlayoutDelayMode) => void;
  }
}

/** Does nothing on a page without `?debug`. */
export function offerFrameDebug(layer: OverlayLayer, inStep: PlayoutDelay): void {
  const debug = debugConsole();
  if (!debug) return;
  debug.setPlayoutDelay = (mode) => inStep.setMode(mode, performance.now());
  debug.forceMatch = (method) => layer.limitMatch(method);
  layer.onFrameDrawn = (frame) => {
    const { method, late = 0, dropped = 0 } = layer.figures ?? {};
    debug.onFrameDrawn?.({ ...frame, method, delayMs: inStep.delayMs.value, late, dropped });
  };
}
