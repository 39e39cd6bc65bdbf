import type { FrameId } from '#protocol/overlay.ts';
import type { FrameTag } from './tag.ts';
import { TICKS_PER_MS, TIMELINE, Timeline } from './timeline.ts';
import { distance, toUint32 } from './uint32.ts';

/** Layers whose timelines are remembered; a new transport brings new ones, and old ones go. */
const LAYERS_MAX = 8;

interface Captured {
  readonly ticks: number;
  readonly at: number;
  readonly number: number;
  readonly capturedAt: number;
  /** Named by its encoded frame, which was here first; the captured one is still on its way. */
  awaited: boolean;
}

interface Encoded {
  readonly ssrc: number;
  readonly rtpTimestamp: number;
  /** 0 where the browser does not tell it. */
  readonly width: number;
}

/**
 * Numbers captured frames and finds the number of each encoded one. Numbers rise by one per captured
 * frame for as long as the page lives, across cameras and transports.
 */
export class Numbering {
  readonly #captured: Captured[] = [];
  /** By SSRC; the least recently heard first. */
  readonly #layers = new Map<number, Timeline>();
  readonly #wall: (at: number) => number;
  #next = 0;
  /** Capture clock to ms since 1970: the least seen, for a frame may come late and never early. */
  #clock: number | undefined;
  /** The smallest picture that is sent: it is the last that a weak line gives up. */
  #lowest: { readonly ssrc: number; readonly width: number; readonly at: number } | undefined;

  /** `wall` turns a time of the clock that is told with every frame into ms since 1970. */
  constructor(wall: (at: number) => number) {
    this.#wall = wall;
  }

  /** A frame from the camera; `timestampUs` is its own, `at` when it came, ms. */
  captured(timestampUs: number, at: number): FrameId & { readonly number: number } {
    const seen = this.#wall(at) - timestampUs / 1000;
    // Another camera may have another clock.
    const fresh = this.#clock === undefined || Math.abs(seen - this.#clock) > 1000;
    this.#clock = fresh ? seen : Math.min(seen, (this.#clock ?? seen) + CLOCK_DRIFT_MS);
    const ticks = toUint32(Math.round((timestampUs * TICKS_PER_MS) / 1000));
    const awaited = this.#captured.findLast(
      (each) => each.awaited && Math.abs(distance(each.ticks, ticks)) <= TIMELINE.toleranceTicks,
    );
    if (awaited) awaited.awaited = false;
    const frame =
      awaited ??
      this.#add({ ticks, at, capturedAt: timestampUs / 1000 + this.#clock, awaited: false });
    const offset =
      this.#lowest === undefined ? undefined : this.#layers.get(this.#lowest.ssrc)?.offset;
    return {
      number: frame.number,
      capturedAt: frame.capturedAt,
      ...(offset !== undefined && { rtpTimestamp: toUint32(Math.round(frame.ticks + offset)) }),
    };
  }

  /** The tag for an encoded frame. */
  encoded({ ssrc, rtpTimestamp, width }: Encoded, at: number): FrameTag {
    const layer = this.#layers.get(ssrc) ?? new Timeline(this.#captured);
    this.#layers.delete(ssrc);
    this.#layers.set(ssrc, layer);
    if (this.#layers.size > LAYERS_MAX) {
      const oldest = this.#layers.keys().next();
      if (!oldest.done) this.#layers.delete(oldest.value);
    }
    const lowest = this.#lowest;
    const gone = lowest === undefined || at - lowest.at > LAYER_GONE_MS;
    if (gone || ssrc === lowest.ssrc || (width > 0 && width < lowest.width)) {
      this.#lowest = { ssrc, width: width > 0 ? width : (lowest?.width ?? Infinity), at };
    }
    const number = layer.encoded(rtpTimestamp, at);
    const frame =
      number === undefined
        ? this.#overtaken(layer, rtpTimestamp, at)
        : this.#captured.findLast((each) => each.number === number);
    return {
      number: frame?.number,
      capturedAt: frame?.capturedAt ?? this.#wall(at) - ENCODE_MS,
    };
  }

  /** The encoded frame may be here before its captured one: then it takes the next number. */
  #overtaken(layer: Timeline, rtpTimestamp: number, at: number): Captured | undefined {
    const last = this.#captured.at(-1);
    if (layer.offset === undefined || !last) return undefined;
    const ticks = toUint32(rtpTimestamp - Math.round(layer.offset));
    const ahead = distance(ticks, last.ticks) / TICKS_PER_MS;
    if (ahead <= 0 || ahead > OVERTAKE_MAX_MS) return undefined;
    return this.#add({ ticks, at, capturedAt: last.capturedAt + ahead, awaited: true });
  }

  #add(frame: Omit<Captured, 'number'>): Captured {
    const numbered = { ...frame, number: this.#next };
    this.#next = toUint32(this.#next + 1);
    this.#captured.push(numbered);
    if (this.#captured.length > TIMELINE.capturedMax) this.#captured.shift();
    return numbered;
  }
}

/**
 * A captured frame that comes later than this has not been on its way. Also the longest that a still
 * screen's repeated frames, which nobody captured, are numbered by themselves.
 */
const OVERTAKE_MAX_MS = 1_100;
/** A layer that sent nothing for so long is no longer the one to go by. */
const LAYER_GONE_MS = 3_000;
/** Lets the capture clock follow one that runs slower: 0.01 ms a frame are 300 parts in a million. */
const CLOCK_DRIFT_MS = 0.01;
/** What an encoder usually takes, where nothing better is known. */
const ENCODE_MS = 15;
