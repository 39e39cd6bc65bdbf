/**
 * The overlay: the JSON data that belongs to the picture, one message per data-channel message.
 * All coordinates are relative to the picture: x and y from 0 (left, top) to 1 (right, bottom).
 */
import * as v from 'valibot';

export const OVERLAY_MAX_BYTES = 16 * 1024;
/** Messages a second, in the long run: one for each frame of a fast camera. */
export const OVERLAY_MAX_PER_S = 60;
export const OVERLAY_MAX_TOPICS = 16;
/** Arrays and objects inside one another. 16 KiB of `[` would overflow the stack of whoever sends it on. */
export const OVERLAY_MAX_DEPTH = 32;

/** How a viewer finds the frame of a message, the surest first. */
export const MATCH_METHODS = ['tag', 'rtp', 'time', 'newest'] as const;
export type MatchMethod = (typeof MATCH_METHODS)[number];

const Coordinate = v.pipe(v.number(), v.minValue(-1), v.maxValue(2));
const Extent = v.pipe(v.number(), v.minValue(0), v.maxValue(2));
const Label = v.pipe(v.string(), v.maxLength(200));
/** #rgb, #rrggbb or #rrggbbaa; anything else never reaches the canvas. */
const Color = v.pipe(v.string(), v.regex(/^#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i));
/** An identity the source keeps over time for the same thing (a tracked object). */
const TrackId = v.pipe(v.string(), v.maxLength(64));

const Uint32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 32 - 1));
/** What six bytes hold: the year 10889. */
const MAX_TIME_MS = 2 ** 48 - 1;

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
/** A short word pinned to a point, drawn on a filled tag. */
export const LabelSchema = v.object({
  type: v.literal('label'),
  x: Coordinate,
  y: Coordinate,
  text: Label,
  color: v.optional(Color),
});
/** Free text; `size` is the text height relative to the picture's height. */
export const TextSchema = v.object({
  type: v.literal('text'),
  x: Coordinate,
  y: Coordinate,
  text: v.pipe(v.string(), v.maxLength(1000)),
  size: v.optional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(0.5))),
  align: v.optional(v.picklist(['left', 'center', 'right'])),
  color: v.optional(Color),
});
export const PolylineSchema = v.object({
  type: v.literal('polyline'),
  points: v.pipe(v.array(v.tuple([Coordinate, Coordinate])), v.minLength(2), v.maxLength(500)),
  closed: v.optional(v.boolean()),
  color: v.optional(Color),
});
export const ShapeSchema = v.variant('type', [BoxSchema, LabelSchema, TextSchema, PolylineSchema]);

/** The captured frame that a message was made from. A page matches it by the surest that it can. */
export const FrameSchema = v.pipe(
  v.object({
    /** As the publisher's page numbers its frames; it travels inside the encoded frame too. */
    number: v.optional(Uint32),
    /** As the publisher's encoder stamps it. */
    rtpTimestamp: v.optional(Uint32),
    /** ms since 1970 by the publisher's clock. */
    capturedAt: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_TIME_MS))),
  }),
  v.check((frame) => Object.values(frame).some((name) => name !== undefined), 'names no frame'),
);

const common = {
  /** Which stream of data this belongs to; the newest message of a topic replaces the one before. */
  topic: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:-]{1,64}$/)),
  /** Rises by one per message and topic, from 1, anew with every broadcast epoch. */
  seq: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** When the picture it belongs to was captured: ms since 1970 by the publisher's clock. */
  capturedAt: v.pipe(v.number(), v.finite()),
  /** Drawn on this frame and no other; without it: at once. */
  frame: v.optional(FrameSchema),
  /** How long it may stand on the picture without a successor, ms. Without it: until replaced. */
  ttlMs: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(3_600_000))),
};

/** Shapes to draw. An empty list clears the topic. */
export const ShapesMessageSchema = v.object({
  kind: v.literal('shapes'),
  ...common,
  shapes: v.pipe(v.array(ShapeSchema), v.maxLength(200)),
});
/** Any JSON under a topic of its own; shown as it is, never drawn. */
export const DataMessageSchema = v.object({
  kind: v.literal('data'),
  ...common,
  data: v.pipe(
    v.unknown(),
    v.check((data) => !deeperThan(data, OVERLAY_MAX_DEPTH), 'nested too deeply'),
  ),
});

function deeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => deeperThan(inner, depth - 1));
}

export const OverlayMessageSchema = v.variant('kind', [ShapesMessageSchema, DataMessageSchema]);

export type FrameId = v.InferOutput<typeof FrameSchema>;
export type Box = v.InferOutput<typeof BoxSchema>;
export type Shape = v.InferOutput<typeof ShapeSchema>;
export type ShapesMessage = v.InferOutput<typeof ShapesMessageSchema>;
export type DataMessage = v.InferOutput<typeof DataMessageSchema>;
export type OverlayMessage = v.InferOutput<typeof OverlayMessageSchema>;

/** `undefined` for anything that is not a valid overlay message; never throws. */
export function parseOverlayMessage(text: string): OverlayMessage | undefined {
  // Characters never outnumber bytes, so this bound costs nothing and keeps JSON.parse small.
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
