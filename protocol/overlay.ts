/**
 * The overlay: JSON data that belongs to the video, one overlay message in one data-channel message.
 * Coordinates are relative to the video: x and y from 0 (left, top) to 1 (right, bottom).
 */
import * as v from 'valibot';
import { CaptureTimeSchema } from './capture-time.ts';

/** Bytes of JSON of one message. */
export const OVERLAY_MAX_BYTES = 16 * 1024;
/** Messages per second on average: one for each frame of a fast camera. */
export const OVERLAY_MAX_PER_S = 60;
/** Topics for which the server keeps the newest message. */
export const OVERLAY_MAX_TOPICS = 16;
/** Nesting of arrays and objects. 16 KiB of `[` would overflow the stack of code that serialises it again. */
export const OVERLAY_MAX_DEPTH = 32;

/** How a viewer finds the frame of a message, the most reliable method first. */
export const MATCH_METHODS = ['tag', 'rtp', 'time', 'newest'] as const;
export type MatchMethod = (typeof MATCH_METHODS)[number];

const Coordinate = v.pipe(v.number(), v.minValue(-1), v.maxValue(2));
const Extent = v.pipe(v.number(), v.minValue(0), v.maxValue(2));
const Label = v.pipe(v.string(), v.maxLength(200));
/** #rgb, #rrggbb or #rrggbbaa; anything else never reaches the canvas. */
const Color = v.pipe(v.string(), v.regex(/^#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i));
/** The source gives the same object the same id from message to message. */
const TrackId = v.pipe(v.string(), v.maxLength(64));

const Uint32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 32 - 1));

/** A rectangle; `x` and `y` are its left top corner. */
export const BoxSchema = v.object({
  type: v.literal('box'),
  x: Coordinate,
  y: Coordinate,
  width: Extent,
  height: Extent,
  label: v.optional(Label),
  color: v.optional(Color),
  id: v.optional(TrackId),
});
/** A short text at a point, drawn on a filled background. */
export const LabelSchema = v.object({
  type: v.literal('label'),
  x: Coordinate,
  y: Coordinate,
  text: Label,
  color: v.optional(Color),
});
/** Free text; `size` is the text height relative to the height of the video. */
export const TextSchema = v.object({
  type: v.literal('text'),
  x: Coordinate,
  y: Coordinate,
  text: v.pipe(v.string(), v.maxLength(1000)),
  size: v.optional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(0.5))),
  align: v.optional(v.picklist(['left', 'center', 'right'])),
  color: v.optional(Color),
});
/** Connected line segments; `closed` adds the segment from the last point to the first. */
export const PolylineSchema = v.object({
  type: v.literal('polyline'),
  points: v.pipe(v.array(v.tuple([Coordinate, Coordinate])), v.minLength(2), v.maxLength(500)),
  closed: v.optional(v.boolean()),
  color: v.optional(Color),
});
export const ShapeSchema = v.variant('type', [BoxSchema, LabelSchema, TextSchema, PolylineSchema]);

/**
 * Identifies the captured frame that a message was computed from. The viewer matches with the most
 * reliable field that it can use.
 */
export const FrameSchema = v.pipe(
  v.object({
    /** The publisher's page numbers its frames, and the encoded frame carries the number too. */
    number: v.optional(Uint32),
    /** The RTP timestamp that the publisher's encoder gives the frame (90 kHz). */
    rtpTimestamp: v.optional(Uint32),
    /** ms since 1970, publisher's clock. */
    capturedAt: v.optional(CaptureTimeSchema),
  }),
  v.check((frame) => Object.values(frame).some((id) => id !== undefined), 'names no frame'),
);

const common = {
  /** Names a stream of messages. A new message of a topic replaces the one before. */
  topic: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:-]{1,64}$/)),
  /** Counts the messages of a topic, starting from 1 in each broadcast epoch. */
  seq: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** When the frame was captured: ms since 1970, publisher's clock. */
  capturedAt: CaptureTimeSchema,
  /** Draw the message on exactly this frame. Without it the message is drawn at once. */
  frame: v.optional(FrameSchema),
  /** For how many ms it is shown if no newer message replaces it. Without it there is no time limit. */
  ttlMs: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(3_600_000))),
};

/** Shapes to draw. An empty list clears the topic. */
export const ShapesMessageSchema = v.object({
  kind: v.literal('shapes'),
  ...common,
  shapes: v.pipe(v.array(ShapeSchema), v.maxLength(200)),
});
/** Any JSON. Pages show it as text or pass it to a program; it is never drawn. */
export const DataMessageSchema = v.object({
  kind: v.literal('data'),
  ...common,
  data: v.pipe(
    v.unknown(),
    v.check((data) => !isDeeperThan(data, OVERLAY_MAX_DEPTH), 'nested too deeply'),
  ),
});

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => isDeeperThan(inner, depth - 1));
}

/**
 * Sent by the publisher's page on its data channel, and forwarded unchanged to viewers. The server
 * sends messages of programs (ingest) to viewers in the same form, on a channel of its own.
 */
export const OverlayMessageSchema = v.variant('kind', [ShapesMessageSchema, DataMessageSchema]);

export type FrameId = v.InferOutput<typeof FrameSchema>;
export type Box = v.InferOutput<typeof BoxSchema>;
export type Shape = v.InferOutput<typeof ShapeSchema>;
export type ShapesMessage = v.InferOutput<typeof ShapesMessageSchema>;
export type DataMessage = v.InferOutput<typeof DataMessageSchema>;
export type OverlayMessage = v.InferOutput<typeof OverlayMessageSchema>;

/** Half an hour at `OVERLAY_MAX_PER_S`: no message is late by more. */
const SEQ_WINDOW = 100_000;

/**
 * Whether a message with this `seq` is newer than the last one of its topic. One that is far behind comes
 * from a sender that counts from the start again, or the last one was wrong: no single message stops a topic.
 */
export function isNewerSeq(seq: number, last: number): boolean {
  return seq > last || last - seq > SEQ_WINDOW;
}

/** Parses the JSON of an overlay message. Returns `undefined` for anything else; never throws. */
export function parseOverlayMessage(text: string): OverlayMessage | undefined {
  // There are never more characters than bytes, so this check is cheap and keeps JSON.parse small.
  if (text.length > OVERLAY_MAX_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(OverlayMessageSchema, value);
  return parsed.success ? parsed.output : undefined;
}
