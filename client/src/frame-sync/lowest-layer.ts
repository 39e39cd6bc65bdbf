/** A layer that sent nothing for so long is no longer the one to go by. */
const GONE_MS = 3_000;
/** More than a sender has. */
const LAYERS_MAX = 8;

interface Layer {
  readonly width: number;
  at: number;
}

/**
 * Tells which of the layers that are sent has the smallest picture. That one is the last that a weak
 * line gives up, and the cheapest to decode.
 */
export class LowestLayer {
  /** By SSRC; the least recently heard first. */
  readonly #layers = new Map<number, Layer>();

  /** `width` is that of a key frame, undefined where the frame does not say it. */
  isLowest(ssrc: number, width: number | undefined, at: number): boolean {
    const known = this.#layers.get(ssrc);
    const own = width ?? known?.width;
    if (own === undefined) return false;
    this.#layers.delete(ssrc);
    this.#layers.set(ssrc, { width: own, at });
    if (this.#layers.size > LAYERS_MAX) {
      const oldest = this.#layers.keys().next();
      if (!oldest.done) this.#layers.delete(oldest.value);
    }
    for (const layer of this.#layers.values()) {
      if (layer.width < own && at - layer.at < GONE_MS) return false;
    }
    return true;
  }
}
