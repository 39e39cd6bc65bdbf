/** From the frames that a viewer has seen to the stats of a row. */
import { BARCODE, barcodeDistance } from '#testkit/media/barcode.ts';
import type { SentMessage } from './publisher.ts';
import type { SeenFrame } from './viewer.ts';

export interface FrameStats {
  /** Frames whose message had arrived when they appeared, and in which both numbers could be read. */
  readonly compared: number;
  /** Of `compared`, % that appeared with exactly the overlay made from them. */
  readonly exact: number;
  /** Percentiles of the distance in frames between the video and the overlay on it, without sign. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Number of frames by error; positive where the overlay is behind the video. */
  readonly histogram: Readonly<Record<string, number>>;
  /** Frames for which the publisher sent a message. */
  readonly frames: number;
  /** Of `frames`, % whose message arrived in time. */
  readonly inTime: number;
  /** Of `frames`, % that appeared with any overlay; with their own; and that had their own at the end. */
  readonly withOverlay: number;
  readonly ownAtOnce: number;
  readonly ownAtLast: number;
  /** The error of frames whose message was late or lost: they keep the overlay before it. */
  readonly lateHistogram: Readonly<Record<string, number>>;
  /** Number of frames by the method that the page reports. */
  readonly methods: Readonly<Record<string, number>>;
  /** Frames left out: the number in the video can't be read, or may be that of the next frame. */
  readonly unreadable: number;
  readonly unsure: number;
  /** Number of frames by decoded width. */
  readonly widths: Readonly<Record<string, number>>;
}

/** Half a cycle of the barcode. Equal numbers that are further apart belong to different frames. */
const SAME_CYCLE_MS = (BARCODE.cycle / 30 / 2) * 1_000;

export function frameStatsOf(seen: readonly SeenFrame[], sent: readonly SentMessage[]): FrameStats {
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
    const { videoNumber, overlayNumber, overlayNumberAtEnd, inTime } = frame;
    count(methods, frame.method ?? 'none');
    count(widths, frame.width);
    if (videoNumber === null) counts.unreadable += 1;
    else if (!isSure(frame)) counts.unsure += 1;
    else if (wasSent(videoNumber, frame.at)) {
      counts.frames += 1;
      if (inTime) counts.inTime += 1;
      if (overlayNumber === videoNumber) counts.atOnce += 1;
      if (overlayNumberAtEnd === videoNumber) counts.atLast += 1;
      if (overlayNumber === null) continue;
      counts.covered += 1;
      (inTime ? errors : lateErrors).push(barcodeDistance(videoNumber, overlayNumber));
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

/** Whether the frame that was read is the one that the overlay was drawn on. */
function isSure({ sure, videoNumber, videoNumberAfter }: SeenFrame): boolean {
  return sure ?? videoNumber === videoNumberAfter;
}

/** Returns a function: was a message sent for the frame with this number that was seen at this time? */
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

/** Rounded down to a hundredth, so that 100 means all. */
export function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.floor((part / whole) * 10_000) / 100;
}
