/** From frames that a viewer has seen to the figures of a row. */
import { BARCODE, barcodeDistance } from '../../tests/support/barcode.ts';
import type { SentMessage } from './publisher.ts';
import type { SeenFrame } from './viewer.ts';

export interface SyncFigures {
  /**
   * Times that another message was drawn, as a frame appeared or while it stood there. Only on frames
   * of which the publisher has made a message: others can have none of their own.
   */
  readonly drawn: number;
  /** Times that one was drawn on a frame of which there is none: that of the last frame before it. */
  readonly standIns: number;
  /** Of those, % that were drawn on the frame that they were made from. */
  readonly exact: number;
  /** Frames between the two, without the sign. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Draws by their error: positive where the overlay is behind the picture. */
  readonly histogram: Readonly<Record<string, number>>;
  /** Frames of which the publisher has made a message, as far as they could be read. */
  readonly frames: number;
  /** Of those, % that had any overlay when they appeared, their own then, their own at last. */
  readonly withOverlay: number;
  readonly ownAtOnce: number;
  readonly ownAtLast: number;
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
  const methods: Record<string, number> = {};
  const widths: Record<string, number> = {};
  const counts = {
    frames: 0,
    unreadable: 0,
    unsure: 0,
    standIns: 0,
    covered: 0,
    atOnce: 0,
    atLast: 0,
  };
  let before = seen[0]?.overlay ?? null;
  for (const frame of seen) {
    const { picture, overlay, overlayAtEnd } = frame;
    count(methods, frame.method ?? 'none');
    count(widths, frame.width);
    const drawn = [overlay, overlayAtEnd].filter(
      (each, i, both) => each !== null && each !== (both[i - 1] ?? before),
    );
    before = overlayAtEnd;
    if (picture === null) counts.unreadable += 1;
    else if (!isSure(frame)) counts.unsure += 1;
    else if (!wasSent(picture, frame.at)) counts.standIns += drawn.length;
    else {
      for (const each of drawn) if (each !== null) errors.push(barcodeDistance(picture, each));
      counts.frames += 1;
      if (overlay !== null) counts.covered += 1;
      if (overlay === picture) counts.atOnce += 1;
      if (overlayAtEnd === picture) counts.atLast += 1;
    }
  }
  const sizes = errors.map(Math.abs).sort((a, b) => a - b);
  const at = (share: number) => sizes[Math.max(0, Math.ceil(share * sizes.length) - 1)] ?? 0;
  const histogram: Record<string, number> = {};
  for (const error of errors.toSorted((a, b) => a - b)) count(histogram, error);
  return {
    drawn: errors.length,
    exact: percent(errors.filter((error) => error === 0).length, errors.length),
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    histogram,
    standIns: counts.standIns,
    frames: counts.frames,
    withOverlay: percent(counts.covered, counts.frames),
    ownAtOnce: percent(counts.atOnce, counts.frames),
    ownAtLast: percent(counts.atLast, counts.frames),
    methods,
    unreadable: counts.unreadable,
    unsure: counts.unsure,
    widths,
  };
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
