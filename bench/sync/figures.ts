/** From frames that a viewer has seen to the figures of a row. */
import { BARCODE, barcodeDistance } from '#testkit/media/barcode.ts';
import type { SentMessage } from './publisher.ts';
import type { SeenFrame } from './viewer.ts';

export interface SyncFigures {
  /** Frames whose message had come when they appeared, as far as both could be read. */
  readonly compared: number;
  /** Of those, % that appeared with exactly the overlay that was made from them. */
  readonly exact: number;
  /** Frames between the picture and the overlay that appeared with it, without the sign. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Frames by that error: positive where the overlay is behind the picture. */
  readonly histogram: Readonly<Record<string, number>>;
  /** All frames of which the publisher has made a message. */
  readonly frames: number;
  /** Of those, % whose message had come in time. */
  readonly inTime: number;
  /** Of those, % that appeared with any overlay, with their own, and that had their own at last. */
  readonly withOverlay: number;
  readonly ownAtOnce: number;
  readonly ownAtLast: number;
  /** The error of those whose message was late or lost: they keep the one before. */
  readonly lateHistogram: Readonly<Record<string, number>>;
  /** Frames by the method that the page says it has used. */
  readonly methods: Readonly<Record<string, number>>;
  /** Frames left out: the number on the picture can't be read, or may be that of the next one. */
  readonly unreadable: number;
  readonly unsure: number;
  /** Widths of the picture as it was decoded, and how many frames had it. */
  readonly widths: Readonly<Record<string, number>>;
}

/** Half a cycle of the barcode: numbers so far apart in time are not those of one frame. */
const SAME_CYCLE_MS = (BARCODE.cycle / 30 / 2) * 1_000;

export function figuresOf(seen: readonly SeenFrame[], sent: readonly SentMessage[]): SyncFigures {
  const wasSent = sentNumbers(sent);
  const errors: number[] = [];
  const lateErrors: number[] = [];
  const methods: Record<string, number> = {};
  const widths: Record<string, number> = {};
  const counts = {
    frames: 0,
    unreadable: 0,
    unsure: 0,
    inTime: 0,
    covered: 0,
    atOnce: 0,
    atLast: 0,
  };
  for (const frame of seen) {
    const { picture, overlay, overlayAtEnd, inTime } = frame;
    count(methods, frame.method ?? 'none');
    count(widths, frame.width);
    if (picture === null) counts.unreadable += 1;
    else if (!isSure(frame)) counts.unsure += 1;
    else if (wasSent(picture, frame.at)) {
      counts.frames += 1;
      if (inTime) counts.inTime += 1;
      if (overlay === picture) counts.atOnce += 1;
      if (overlayAtEnd === picture) counts.atLast += 1;
      if (overlay === null) continue;
      counts.covered += 1;
      (inTime ? errors : lateErrors).push(barcodeDistance(picture, overlay));
    }
  }
  const sizes = errors.map(Math.abs).sort((a, b) => a - b);
  const at = (share: number) => sizes[Math.max(0, Math.ceil(share * sizes.length) - 1)] ?? 0;
  const percentOfFrames = (part: number) => percent(part, counts.frames);
  return {
    compared: errors.length,
    exact: percent(errors.filter((error) => error === 0).length, errors.length),
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    histogram: histogramOf(errors),
    frames: counts.frames,
    inTime: percentOfFrames(counts.inTime),
    withOverlay: percentOfFrames(counts.covered),
    ownAtOnce: percentOfFrames(counts.atOnce),
    ownAtLast: percentOfFrames(counts.atLast),
    lateHistogram: histogramOf(lateErrors),
    methods,
    unreadable: counts.unreadable,
    unsure: counts.unsure,
    widths,
  };
}

function histogramOf(errors: readonly number[]): Record<string, number> {
  const histogram: Record<string, number> = {};
  for (const error of errors.toSorted((a, b) => a - b)) count(histogram, error);
  return histogram;
}

/** Whether the picture that was read is the one that was drawn on. */
function isSure({ sure, picture, pictureAfter }: SeenFrame): boolean {
  return sure ?? picture === pictureAfter;
}

/** Tells whether a message was made of the frame with this number that was seen at this time. */
function sentNumbers(sent: readonly SentMessage[]): (number: number, at: number) => boolean {
  const times = new Map<number, number[]>();
  for (const { number, at } of sent) {
    const known = times.get(number) ?? [];
    known.push(at);
    times.set(number, known);
  }
  return (number, at) =>
    times.get(number)?.some((time) => Math.abs(time - at) < SAME_CYCLE_MS) ?? false;
}

function count(counts: Record<string, number>, key: string | number): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

/** Rounded down to a hundredth: 100 only where nothing is missing. */
export function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.floor((part / whole) * 10_000) / 100;
}
