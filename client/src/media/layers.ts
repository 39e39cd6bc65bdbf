/** Which simulcast layers a video has. They follow the source: a shared window may change its size. */
import type { types } from 'mediasoup-client';

/**
 * Simulcast layers for a video of this size in pixels, bitrates in bit/s. A small video has fewer
 * layers because Chromium drops its upper ones.
 */
export function encodingsFor(width: number, height: number): types.RtpEncodingParameters[] {
  const pixels = width * height;
  const layers = [
    { scaleResolutionDownBy: 4, maxBitrate: 150_000 },
    { scaleResolutionDownBy: 2, maxBitrate: 600_000 },
    { scaleResolutionDownBy: 1, maxBitrate: 2_200_000 },
  ];
  if (pixels >= 960 * 540) return layers.map((layer, i) => ({ rid: `r${i}`, ...layer }));
  if (pixels >= 480 * 270) {
    return [
      { rid: 'r0', scaleResolutionDownBy: 2, maxBitrate: 250_000 },
      { rid: 'r1', scaleResolutionDownBy: 1, maxBitrate: 900_000 },
    ];
  }
  return [{ maxBitrate: 500_000 }];
}

export const LAYERS = {
  /** The size must fit other layers for this long: a window is resized in many steps. */
  steadyMs: 400,
  /**
   * Shortest time between two changes, each of which is a new producer and new consumers. Together with
   * `steadyMs` viewers have the new layers within 2 s, unless the size changes all the time.
   */
  betweenMs: 1_500,
} as const;

/** What is known of the layers of one producer. */
export interface LayerWatch {
  readonly layers: number;
  /** When the producer was made, ms. */
  readonly madeAt: number;
  /** Since when the source would have another number of layers, ms; undefined while it has this one. */
  readonly otherSince: number | undefined;
}

/**
 * @param size the source's size in pixels, 0 where the browser does not know it (yet)
 * @returns whether a producer with other layers is due
 */
export function stepLayers(
  watch: LayerWatch,
  size: { readonly width: number; readonly height: number },
  now: number,
): { watch: LayerWatch; due: boolean } {
  const isKnown = size.width > 0 && size.height > 0;
  if (!isKnown || encodingsFor(size.width, size.height).length === watch.layers) {
    return { watch: { ...watch, otherSince: undefined }, due: false };
  }
  const otherSince = watch.otherSince ?? now;
  const isSteady = now - otherSince >= LAYERS.steadyMs;
  const due = isSteady && now - watch.madeAt >= LAYERS.betweenMs;
  return { watch: { ...watch, otherSince }, due };
}
