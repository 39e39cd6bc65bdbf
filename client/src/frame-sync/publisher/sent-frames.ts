import { BoundedMap } from '#protocol/bounded-map.ts';
import type { FrameId } from '#protocol/overlay.ts';
import type { FrameToAnalyser } from '../messages.ts';
import type { RequestKeyFrame } from '../encoded-frames.ts';
import type { FrameTag } from '../tag.ts';
import type { CapturedFrames } from './captured-frames.ts';
import { NUMBERING, SentNumbering } from './numbering.ts';

/** Shortest time between two requests for a key frame. */
const KEY_FRAME_EVERY_MS = 1_000;
/** The preview's frames are used when no sent frame was passed on for so long. */
const PREVIEW_AFTER_MS = 500;
/** Frames that wait for the decoder; with more it starts again at the next key frame. */
const DECODE_QUEUE_MAX = 4;
/** Frames inside the decoder whose ids are remembered: more than a decoder ever holds. */
const DECODING_MAX = 64;

/** A frame of VP8 as the encoder made it, without a tag. */
export interface EncodedFrame {
  readonly ssrc: number;
  readonly rtpTimestamp: number;
  readonly isKey: boolean;
  readonly data: ArrayBuffer;
}

/**
 * For browsers that give no captured frames: numbers the sent frames instead, and passes the lowest
 * layer, decoded again, to analysers. Before anything is sent, and where nothing can be decoded,
 * analysers get the preview's frames, which have a time and no number.
 */
export class SentFrames {
  readonly #numbering: SentNumbering;
  readonly #captured: CapturedFrames;
  readonly #lowest = new LowestLayer();
  readonly #decoder: SentFrameDecoder;
  #passedAt = -Infinity;
  #requestedAt = -Infinity;

  /** `captured` passes frames to analysers; `wall` converts `performance.now()` to ms since 1970. */
  constructor(captured: CapturedFrames, wall: (at: number) => number) {
    this.#numbering = new SentNumbering(wall);
    this.#captured = captured;
    this.#decoder = new SentFrameDecoder((image, frameId) => {
      this.#passedAt = performance.now();
      try {
        captured.pass(image, frameId);
      } finally {
        image.close();
      }
    });
  }

  /** A new transport: its layers are new ones, whatever size they have. */
  senderStarted(): void {
    this.#lowest.clear();
  }

  /** The tag of an encoded frame of any layer. */
  tag(frame: EncodedFrame, now: number, requestKeyFrame: RequestKeyFrame): FrameTag {
    const { ssrc, rtpTimestamp, isKey, data } = frame;
    const width = isKey ? keyFrameWidth(data) : undefined;
    if (!this.#lowest.isLowest(ssrc, width, now)) {
      return this.#numbering.tagOther(ssrc, rtpTimestamp, now);
    }
    const tag = this.#numbering.tagLowest(ssrc, rtpTimestamp, now);
    const { number, capturedAt } = tag;
    this.#pass(frame, { number, capturedAt, rtpTimestamp }, now, requestKeyFrame);
    return tag;
  }

  /** The port brings the preview's frames, the next one after each answer. */
  usePreview(port: MessagePort): void {
    port.addEventListener(
      'message',
      ({ data: { image, frameId } }: MessageEvent<FrameToAnalyser>) => {
        const isNeeded = performance.now() - this.#passedAt > PREVIEW_AFTER_MS;
        const frame = image instanceof VideoFrame ? image : undefined;
        if (isNeeded) this.#captured.pass(frame, frameId);
        image?.close();
        port.postMessage('next');
      },
    );
    port.start();
  }

  #pass(frame: EncodedFrame, frameId: FrameId, now: number, requestKeyFrame: () => void): void {
    if (!this.#captured.wantsImages || !SentFrameDecoder.isSupported) {
      this.#decoder.stop();
      this.#passedAt = now;
      this.#captured.pass(undefined, frameId);
      return;
    }
    if (this.#decoder.decode(frame, frameId)) return;
    if (now - this.#requestedAt < KEY_FRAME_EVERY_MS) return;
    this.#requestedAt = now;
    requestKeyFrame();
  }
}

/**
 * Finds which of the sent layers has the smallest frames: the last layer that a weak connection gives
 * up, and the cheapest to decode.
 */
export class LowestLayer {
  /** By SSRC. */
  readonly #layers = new BoundedMap<number, { readonly width: number; readonly at: number }>(
    NUMBERING.layersMax,
  );

  clear(): void {
    this.#layers.clear();
  }

  /** `width` is that of a key frame; undefined for other frames, which do not hold it. */
  isLowest(ssrc: number, width: number | undefined, at: number): boolean {
    const own = width ?? this.#layers.get(ssrc)?.width;
    if (own === undefined) return false;
    this.#layers.set(ssrc, { width: own, at });
    for (const layer of this.#layers.values()) {
      if (layer.width < own && at - layer.at < NUMBERING.layerGoneMs) return false;
    }
    return true;
  }
}

/** The width in the header of a VP8 key frame (RFC 6386, 9.1); undefined for all other frames. */
export function keyFrameWidth(data: ArrayBuffer): number | undefined {
  if (data.byteLength < 10) return undefined;
  const view = new DataView(data);
  const isKey = (view.getUint8(0) & 1) === 0;
  // The start code of a key frame.
  if (!isKey || view.getUint8(3) !== 0x9d || view.getUint16(4) !== 0x012a) return undefined;
  // The two upper bits are the scaling on the screen.
  return view.getUint16(6, true) & 0x3fff;
}

/**
 * Decodes the frames that are sent. Each image is then certainly of the frame that was sent under its
 * id; the price is the encoder's quality, and the time that encoding and decoding take.
 */
class SentFrameDecoder {
  readonly #output: (image: VideoFrame, frameId: FrameId) => void;
  /** The frames inside the decoder, by the timestamp that they were given to it with. */
  readonly #decoding = new BoundedMap<number, FrameId>(DECODING_MAX);
  #decoder: VideoDecoder | undefined;
  #ssrc: number | undefined;
  #count = 0;

  /** `output` closes the image. */
  constructor(output: (image: VideoFrame, frameId: FrameId) => void) {
    this.#output = output;
  }

  static get isSupported(): boolean {
    return typeof VideoDecoder !== 'undefined' && typeof EncodedVideoChunk !== 'undefined';
  }

  /** False where decoding can only start at a key frame, and this is none. */
  decode({ ssrc, data, isKey }: EncodedFrame, frameId: FrameId): boolean {
    const isFull = this.#decoder !== undefined && this.#decoder.decodeQueueSize > DECODE_QUEUE_MAX;
    // Another layer's frames can't be decoded after this one's.
    if (isFull || ssrc !== this.#ssrc) this.stop();
    this.#ssrc = ssrc;
    if (!this.#decoder) {
      if (!isKey) return false;
      this.#decoder = this.#start();
    }
    const timestamp = (this.#count += 1);
    this.#decoding.set(timestamp, frameId);
    this.#decoder.decode(new EncodedVideoChunk({ type: isKey ? 'key' : 'delta', timestamp, data }));
    return true;
  }

  /** Decoding starts again at the next key frame. */
  stop(): void {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    this.#decoding.clear();
    if (decoder && decoder.state !== 'closed') decoder.close();
  }

  #start(): VideoDecoder {
    const decoder = new VideoDecoder({
      output: (image) => {
        const frameId = this.#decoding.get(image.timestamp);
        // Frames come out in the order in which they went in.
        for (const timestamp of this.#decoding.keys()) {
          if (timestamp <= image.timestamp) this.#decoding.delete(timestamp);
        }
        if (frameId === undefined) image.close();
        else this.#output(image, frameId);
      },
      error: (error) => {
        console.warn('onecast: a sent frame could not be decoded:', error);
        if (this.#decoder === decoder) this.stop();
      },
    });
    decoder.configure({ codec: 'vp8', optimizeForLatency: true });
    return decoder;
  }
}
