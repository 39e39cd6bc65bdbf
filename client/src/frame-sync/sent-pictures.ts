import type { FrameId } from '#protocol/overlay.ts';
import type { CapturedFrames } from './captured-frames.ts';
import { DecodedFrames } from './decoded-frames.ts';
import { LowestLayer } from './lowest-layer.ts';
import type { ToAnalyser } from './messages.ts';
import { type SentFrameId, SentNumbering } from './sent-numbering.ts';
import type { FrameTag } from './tag.ts';
import { keyFrameWidth } from './vp8.ts';

/** A key frame is asked for no more often. */
const ASK_EVERY_MS = 1_000;
/** The preview stands in when no sent one was shown for so long. */
const PREVIEW_AFTER_MS = 500;

export interface SentFrame {
  readonly ssrc: number;
  readonly rtpTimestamp: number;
  readonly isKey: boolean;
  readonly data: ArrayBuffer;
}

/**
 * For browsers that hand out no captured frames: numbers what is sent instead, and shows analysers
 * the lowest layer, decoded. Before anything is sent, and where nothing can be decoded, they see the
 * preview's pictures, which have a time and no number.
 */
export class SentPictures {
  readonly #numbering: SentNumbering;
  readonly #captured: CapturedFrames;
  readonly #lowest = new LowestLayer();
  readonly #decoded: DecodedFrames<FrameId>;
  #shownAt = -Infinity;
  #askedAt = -Infinity;

  /** `wall` turns `performance.now()` into ms since 1970. */
  constructor(captured: CapturedFrames, wall: (at: number) => number) {
    this.#numbering = new SentNumbering(wall);
    this.#captured = captured;
    this.#decoded = new DecodedFrames((picture, name) => {
      this.#shownAt = performance.now();
      try {
        captured.show(picture, name);
      } finally {
        picture.close();
      }
    });
  }

  /** An encoded frame of any layer, before it is tagged; returns the tag. */
  take(frame: SentFrame, now: number, askForKey: () => void): FrameTag {
    const { ssrc, rtpTimestamp, isKey, data } = frame;
    const width = isKey ? keyFrameWidth(data) : undefined;
    if (!this.#lowest.isLowest(ssrc, width, now)) {
      return this.#numbering.other(ssrc, rtpTimestamp, now);
    }
    const name = this.#numbering.lowest(ssrc, rtpTimestamp, now);
    this.#show(frame, name, now, askForKey);
    return name;
  }

  /** The other end sends pictures of the preview, the next after each answer. */
  followPreview(port: MessagePort): void {
    port.addEventListener('message', ({ data: { picture, name } }: MessageEvent<ToAnalyser>) => {
      const isNeeded = performance.now() - this.#shownAt > PREVIEW_AFTER_MS;
      if (isNeeded) this.#captured.show(picture instanceof VideoFrame ? picture : undefined, name);
      picture?.close();
      port.postMessage('next');
    });
    port.start();
  }

  #show(
    { ssrc, rtpTimestamp, isKey, data }: SentFrame,
    { number, capturedAt }: SentFrameId,
    now: number,
    askForKey: () => void,
  ): void {
    const name = { number, capturedAt, rtpTimestamp };
    if (!this.#captured.wantsPictures || !DecodedFrames.supported) {
      this.#decoded.stop();
      this.#shownAt = now;
      this.#captured.show(undefined, name);
      return;
    }
    if (this.#decoded.decode({ ssrc, data, isKey, name })) return;
    if (now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    askForKey();
  }
}
