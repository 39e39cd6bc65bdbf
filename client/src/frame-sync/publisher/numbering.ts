/**
 * Frame numbers: one per captured frame, the same on every layer that the frame is encoded to. Where the
 * browser gives captured frames, they are numbered; elsewhere the frames of the lowest layer are.
 */
import { BoundedMap } from '#protocol/bounded-map.ts';
import type { FrameId } from '#protocol/overlay.ts';
import { distance, TICKS_PER_MS, toUint32 } from '../rtp-time.ts';
import type { FrameTag } from '../tag.ts';
import { LAYER_CLOCK, LayerClock } from './layer-clock.ts';

export const NUMBERING = {
  /** Layers that are remembered, more than a sender has; each new transport has new layers. */
  layersMax: 8,
  /** A layer that has sent nothing for so long is no longer the lowest. */
  layerGoneMs: 3_000,
  /** Usual time from capture to the encoder's output: used where nothing better is known. */
  encodeMs: 15,
  /**
   * An encoded frame further ahead than this does not get a number before its reference frame has
   * come. Repeated frames of a still screen, which nothing captures, get numbers for as long.
   */
  aheadMaxMs: 1_100,
  /** Lets the capture clock follow a slower one: 0.01 ms a frame is 300 parts in a million. */
  clockDriftMs: 0.01,
  /** Encoded frames of other layers that wait until their layer's clock can be compared. */
  deferredMax: 16,
  /** Frames of the lowest layer in a row that no other layer has announced, after which clocks are compared again. */
  unannouncedMax: 15,
} as const;

interface NumberedFrame {
  readonly ticks: number;
  readonly at: number;
  readonly number: number;
  readonly capturedAt: number;
  /** Numbered by an encoded frame that came first; the reference frame has not come yet. */
  isExpected: boolean;
}

/** The last numbered frames, and the clock of each layer compared with them. */
class NumberedFrames {
  readonly #frames: NumberedFrame[] = [];
  /** By SSRC. */
  readonly #clocks = new BoundedMap<number, LayerClock>(NUMBERING.layersMax);
  #next = 0;

  get last(): NumberedFrame | undefined {
    return this.#frames.at(-1);
  }

  get someExpected(): boolean {
    return this.#frames.some(({ isExpected }) => isExpected);
  }

  /** Numbers rise by one, across cameras and transports, for the life of the page. */
  add(frame: Omit<NumberedFrame, 'number'>): NumberedFrame {
    const numbered = { ...frame, number: this.#next };
    this.#next = toUint32(this.#next + 1);
    this.#frames.push(numbered);
    if (this.#frames.length > LAYER_CLOCK.framesMax) this.#frames.shift();
    return numbered;
  }

  /** The expected frame of this time, which has come now. */
  confirmExpected(ticks: number): NumberedFrame | undefined {
    const frame = this.#frames.findLast(
      (each) =>
        each.isExpected && Math.abs(distance(each.ticks, ticks)) <= LAYER_CLOCK.toleranceTicks,
    );
    if (frame) frame.isExpected = false;
    return frame;
  }

  /** RTP ticks of a layer minus reference ticks; undefined while not known. */
  offsetOf(ssrc: number): number | undefined {
    return this.#clocks.get(ssrc)?.offset;
  }

  /** The numbered frame that an encoded frame is, where that is known. */
  find(ssrc: number, rtpTimestamp: number, at: number): NumberedFrame | undefined {
    const clock = this.#clocks.get(ssrc) ?? new LayerClock(this.#frames);
    this.#clocks.set(ssrc, clock);
    const number = clock.numberOf(rtpTimestamp, at);
    if (number === undefined) return undefined;
    return this.#frames.findLast((each) => each.number === number);
  }

  /** Compares all clocks again. Expected frames go: what announced them was wrong or is no longer there. */
  forgetClocks(): void {
    this.#clocks.clear();
    const kept = this.#frames.filter(({ isExpected }) => !isExpected);
    // New clocks share the list.
    this.#frames.splice(0, Infinity, ...kept);
  }

  /** Other reference frames from here on; numbers go on. */
  clear(): void {
    this.#frames.length = 0;
    this.forgetClocks();
  }
}

/** Numbers captured frames, and finds the number of each encoded one. */
export class CapturedNumbering {
  readonly #frames = new NumberedFrames();
  readonly #wall: (at: number) => number;
  /** Add it to a capture time to get ms since 1970: the least seen, as a frame may come late, never early. */
  #clockOffset: number | undefined;
  /** The layer with the smallest frames: the last one that a weak connection gives up. */
  #lowest: { readonly ssrc: number; readonly width: number; readonly at: number } | undefined;

  /** `wall` converts an `at`, ms, to ms since 1970. */
  constructor(wall: (at: number) => number) {
    this.#wall = wall;
  }

  /** A frame of the camera: `timestampUs` is its own time, `at` the time at which it arrived here. */
  identifyCaptured(timestampUs: number, at: number): FrameId & { readonly number: number } {
    const seen = this.#wall(at) - timestampUs / 1000;
    // Another camera may have another clock.
    const isNewClock = this.#clockOffset === undefined || Math.abs(seen - this.#clockOffset) > 1000;
    this.#clockOffset = isNewClock
      ? seen
      : Math.min(seen, (this.#clockOffset ?? seen) + NUMBERING.clockDriftMs);
    const ticks = toUint32(Math.round((timestampUs * TICKS_PER_MS) / 1000));
    const capturedAt = timestampUs / 1000 + this.#clockOffset;
    const frame =
      this.#frames.confirmExpected(ticks) ??
      this.#frames.add({ ticks, at, capturedAt, isExpected: false });
    const offset = this.#lowest && this.#frames.offsetOf(this.#lowest.ssrc);
    return {
      number: frame.number,
      capturedAt: frame.capturedAt,
      ...(offset !== undefined && { rtpTimestamp: toUint32(Math.round(frame.ticks + offset)) }),
    };
  }

  /** A new transport: its layers are new ones, whatever size they have. */
  senderStarted(): void {
    this.#lowest = undefined;
  }

  /** The tag of an encoded frame; `width` is 0 where the browser does not report it. */
  tagEncoded(
    { ssrc, rtpTimestamp, width }: { ssrc: number; rtpTimestamp: number; width: number },
    at: number,
  ): FrameTag {
    const lowest = this.#lowest;
    const isGone = lowest === undefined || at - lowest.at > NUMBERING.layerGoneMs;
    if (isGone || ssrc === lowest.ssrc || (width > 0 && width < lowest.width)) {
      this.#lowest = { ssrc, width: width > 0 ? width : (lowest?.width ?? Infinity), at };
    }
    const frame = this.#frames.find(ssrc, rtpTimestamp, at) ?? this.#expect(ssrc, rtpTimestamp, at);
    return {
      number: frame?.number,
      capturedAt: frame?.capturedAt ?? this.#wall(at) - NUMBERING.encodeMs,
    };
  }

  /** An encoded frame may come before its captured one: then it gets the next number. */
  #expect(ssrc: number, rtpTimestamp: number, at: number): NumberedFrame | undefined {
    const { last } = this.#frames;
    const offset = this.#frames.offsetOf(ssrc);
    if (offset === undefined || !last) return undefined;
    const ticks = toUint32(rtpTimestamp - Math.round(offset));
    const aheadMs = distance(ticks, last.ticks) / TICKS_PER_MS;
    if (aheadMs <= 0 || aheadMs > NUMBERING.aheadMaxMs) return undefined;
    return this.#frames.add({ ticks, at, capturedAt: last.capturedAt + aheadMs, isExpected: true });
  }
}

/**
 * Numbers the frames of the lowest layer, where the browser gives no captured frames. Frames of
 * other layers get their number from the offset between the layers' clocks, which is constant. Layers
 * come out of the encoder in any order: a frame of another layer may get its number before the lowest
 * layer brings that frame, but offsets are only searched with frames that the lowest layer has brought.
 */
export class SentNumbering {
  readonly #frames = new NumberedFrames();
  readonly #wall: (at: number) => number;
  #deferred: { ssrc: number; rtpTimestamp: number; at: number }[] = [];
  #lowest: number | undefined;
  #unannounced = 0;

  /** `wall` converts an `at`, ms, to ms since 1970. */
  constructor(wall: (at: number) => number) {
    this.#wall = wall;
  }

  /** The tag of a frame of the lowest layer. */
  tagLowest(ssrc: number, rtpTimestamp: number, at: number): FrameTag & { number: number } {
    if (ssrc !== this.#lowest) this.#begin(ssrc);
    const announced = this.#frames.confirmExpected(rtpTimestamp);
    this.#checkClocks(announced !== undefined);
    const frame = announced ?? this.#add(rtpTimestamp, at, false);
    for (const other of this.#deferred.splice(0)) {
      this.#frames.find(other.ssrc, other.rtpTimestamp, other.at);
    }
    return frame;
  }

  /** The tag of a frame of any other layer. */
  tagOther(ssrc: number, rtpTimestamp: number, at: number): FrameTag {
    const offset = this.#frames.offsetOf(ssrc);
    if (offset === undefined) {
      this.#deferred.push({ ssrc, rtpTimestamp, at });
      if (this.#deferred.length > NUMBERING.deferredMax) this.#deferred.shift();
      return { number: undefined, capturedAt: this.#capturedAt(at) };
    }
    const ticks = toUint32(rtpTimestamp - Math.round(offset));
    const { last } = this.#frames;
    const ahead = last ? distance(ticks, last.ticks) : 0;
    const isNew = ahead > LAYER_CLOCK.toleranceTicks;
    if (isNew && ahead < NUMBERING.aheadMaxMs * TICKS_PER_MS) this.#add(ticks, at, true);
    const frame = this.#frames.find(ssrc, rtpTimestamp, at);
    return frame ?? { number: undefined, capturedAt: this.#capturedAt(at) };
  }

  /** The reference is another layer's clock from here on. */
  #begin(ssrc: number): void {
    this.#lowest = ssrc;
    this.#frames.clear();
    this.#unannounced = 0;
    this.#deferred = [];
  }

  /** Another layer announced frames under times that the lowest layer then does not bring: its offset is wrong. */
  #checkClocks(isAnnounced: boolean): void {
    const isStranger = !isAnnounced && this.#frames.someExpected;
    this.#unannounced = isStranger ? this.#unannounced + 1 : 0;
    if (this.#unannounced < NUMBERING.unannouncedMax) return;
    this.#unannounced = 0;
    this.#deferred = [];
    this.#frames.forgetClocks();
  }

  #add(ticks: number, at: number, isExpected: boolean): NumberedFrame {
    return this.#frames.add({ ticks, at, capturedAt: this.#capturedAt(at), isExpected });
  }

  #capturedAt(at: number): number {
    return this.#wall(at) - NUMBERING.encodeMs;
  }
}
