import type { FrameTag } from './tag.ts';
import { distance } from './uint32.ts';

/** 8 s at 60 frames/s: longer than any picture is held back before it is shown. */
const TAGS_MAX = 512;

/** The tags of frames that are about to be shown, by the RTP timestamp they came with. */
export class FrameTags {
  readonly #tags = new Map<number, FrameTag>();

  set(rtpTimestamp: number, tag: FrameTag): void {
    // A frame that the browser reads twice moves to the end.
    this.#tags.delete(rtpTimestamp);
    this.#tags.set(rtpTimestamp, tag);
    if (this.#tags.size <= TAGS_MAX) return;
    const oldest = this.#tags.keys().next();
    if (!oldest.done) this.#tags.delete(oldest.value);
  }

  get(rtpTimestamp: number | undefined): FrameTag | undefined {
    return rtpTimestamp === undefined ? undefined : this.#tags.get(rtpTimestamp);
  }

  /** The frame nearest to an RTP timestamp that is not quite known. */
  near(rtpTimestamp: number, toleranceTicks: number): number | undefined {
    let nearest: number | undefined;
    let off = toleranceTicks;
    for (const known of this.#tags.keys()) {
      const far = Math.abs(distance(known, rtpTimestamp));
      if (far <= off) [nearest, off] = [known, far];
    }
    return nearest;
  }

  clear(): void {
    this.#tags.clear();
  }
}
