import type { MatchFigures, MatchMethod } from '../overlay/frame-match.ts';
import type { DrawnFrame, OverlayLayer } from '../overlay/layer.ts';

/** What was drawn on one frame of the video, and how messages find their frames at the moment. */
export interface FrameRecord extends DrawnFrame {
  readonly method: MatchFigures['method'];
  readonly delayMs: number;
  readonly late: number;
  readonly dropped: number;
}

declare module '../connection/simulate.ts' {
  interface Debug {
    /** Viewer: called for each frame of the video, right after what belongs on it was drawn. */
    onFrameDrawn?: ((record: FrameRecord) => void) | undefined;
    /** Viewer: no surer method than this is used; undefined takes the limit off. */
    forceMatch?: (method: MatchMethod | undefined) => void;
  }
}

/** Does nothing on a page without `?debug`. */
export function offerFrameDebug(layer: OverlayLayer, delayMs: () => number): void {
  const debug = globalThis.onecast;
  if (!debug) return;
  debug.forceMatch = (method) => layer.limitMatch(method);
  layer.onFrameDrawn = (frame) => {
    const { method, late = 0, dropped = 0 } = layer.figures ?? {};
    debug.onFrameDrawn?.({ ...frame, method, delayMs: delayMs(), late, dropped });
  };
}
