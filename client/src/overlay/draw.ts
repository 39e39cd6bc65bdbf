import type { Shape } from '#protocol/overlay.ts';
import type { ShownTopic } from './shape-topics.ts';
import { shorten, wrapText } from './text-layout.ts';

const OUTLINE = 'rgba(8, 10, 14, 0.72)';
const FONT_FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const LINE_HEIGHT = 1.25;
const DEFAULT_TEXT_SIZE = 0.05;
/** Bright enough for dark video; on bright video each shape has a dark outline. */
const PALETTE = [
  '#4cc9f0',
  '#ffd166',
  '#7bed9f',
  '#ff7f9f',
  '#c8a2ff',
  '#ff9f43',
  '#5effe0',
  '#f4f46a',
] as const;

/** A rectangle in CSS px; x and y from the left top corner of the element. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

type ShapeOf<T extends Shape['type']> = Extract<Shape, { type: T }>;

/** Where and how large to draw; all lengths in CSS px. */
interface Pen {
  readonly context: CanvasRenderingContext2D;
  /** The rectangle of the video: shapes are relative to it. */
  readonly area: Rect;
  readonly lineWidth: number;
  readonly labelSize: number;
}

/**
 * Draws the shapes into `area`, the rectangle of the video in the context's units (CSS px after
 * scaling by the device's pixel ratio). Nothing is drawn outside of it.
 */
export function drawTopics(
  context: CanvasRenderingContext2D,
  area: Rect,
  topics: readonly ShownTopic[],
): void {
  const size = Math.min(area.width, area.height);
  const pen: Pen = {
    context,
    area,
    lineWidth: clamp(size / 200, 1.5, 6),
    labelSize: clamp(size / 28, 11, 32),
  };
  context.save();
  context.beginPath();
  context.rect(area.x, area.y, area.width, area.height);
  context.clip();
  context.lineJoin = 'round';
  context.lineCap = 'round';
  for (const { topic, shapes } of topics) {
    for (const shape of shapes) drawShape(pen, topic, shape);
  }
  context.restore();
}

function drawShape(pen: Pen, topic: string, shape: Shape): void {
  switch (shape.type) {
    case 'box':
      return drawBox(pen, shape, shape.color ?? colorFor(shape.id ?? topic));
    case 'label':
      return drawLabel(pen, shape, shape.color ?? colorFor(topic));
    case 'text':
      return drawText(pen, shape, shape.color ?? '#ffffff');
    case 'polyline':
      return drawPolyline(pen, shape, shape.color ?? colorFor(topic));
    default:
      return shape satisfies never;
  }
}

function drawBox(pen: Pen, box: ShapeOf<'box'>, color: string): void {
  const { context, lineWidth } = pen;
  const [x, y] = toCanvas(pen, box.x, box.y);
  const width = box.width * pen.area.width;
  const height = box.height * pen.area.height;
  context.beginPath();
  context.rect(x, y, width, height);
  strokeOutlined(pen, color);
  const edge = y - lineWidth / 2;
  if (box.label)
    drawPlate(pen, box.label, { x: x - lineWidth / 2, above: edge, below: edge }, color);
}

function drawLabel(pen: Pen, label: ShapeOf<'label'>, color: string): void {
  const { context, lineWidth } = pen;
  const [x, y] = toCanvas(pen, label.x, label.y);
  context.beginPath();
  context.arc(x, y, lineWidth * 1.5, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.strokeStyle = OUTLINE;
  context.lineWidth = lineWidth;
  context.stroke();
  context.fill();
  drawPlate(pen, label.text, { x, above: y - lineWidth * 3, below: y + lineWidth * 3 }, color);
}

function drawPolyline(pen: Pen, { points, closed }: ShapeOf<'polyline'>, color: string): void {
  pen.context.beginPath();
  for (const [x, y] of points) pen.context.lineTo(...toCanvas(pen, x, y));
  if (closed) pen.context.closePath();
  strokeOutlined(pen, color);
}

function drawText(pen: Pen, shape: ShapeOf<'text'>, color: string): void {
  const { context, area } = pen;
  const { align = 'left' } = shape;
  const size = (shape.size ?? DEFAULT_TEXT_SIZE) * area.height;
  setFont(context, size);
  const margin = Math.min(size * 0.3, area.width * 0.02);
  const maxLines = Math.max(1, Math.floor(area.height / (size * LINE_HEIGHT)));
  const lines = wrapText(context, shape.text, area.width - 2 * margin, maxLines);
  const [anchorX, anchorY] = toCanvas(pen, shape.x, shape.y);
  const bottom = area.y + area.height;
  const top = clamp(anchorY, area.y, bottom - lines.length * size * LINE_HEIGHT);
  context.strokeStyle = OUTLINE;
  context.lineWidth = Math.max(2, size * 0.16);
  context.fillStyle = color;
  const widths = lines.map(({ text, direction }) => {
    context.direction = direction;
    return context.measureText(text).width;
  });
  const widest = Math.max(...widths);
  // The block keeps its lines together, also where it has to move to stay inside the video.
  const block = align === 'left' ? 0 : align === 'center' ? widest / 2 : widest;
  const left = clamp(anchorX - block, area.x + margin, area.x + area.width - margin - widest);
  for (const [index, { text, direction }] of lines.entries()) {
    const width = widths[index] ?? 0;
    const x = left + indent(shape.align, direction, widest - width);
    const y = top + (index + 0.5) * size * LINE_HEIGHT;
    context.direction = direction;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
}

/** Where a line begins within its block, which leaves it `room`. Lines of Arabic begin at the right. */
function indent(align: ShapeOf<'text'>['align'], direction: 'ltr' | 'rtl', room: number): number {
  switch (align) {
    case undefined:
      return direction === 'rtl' ? room : 0;
    case 'left':
      return 0;
    case 'center':
      return room / 2;
    case 'right':
      return room;
    default:
      return align satisfies never;
  }
}

interface PlatePlace {
  readonly x: number;
  /** The plate's lower edge, if the plate fits above it. */
  readonly above: number;
  /** The plate's upper edge otherwise. */
  readonly below: number;
}

/** A word on a filled plate, always inside the video. */
function drawPlate(pen: Pen, label: string, place: PlatePlace, color: string): void {
  const { context, area, labelSize } = pen;
  setFont(context, labelSize);
  const padding = labelSize * 0.4;
  const { text } = shorten(context, label, area.width - 2 * padding);
  const width = context.measureText(text).width + 2 * padding;
  const height = labelSize * 1.5;
  const wanted = place.above - height >= area.y ? place.above - height : place.below;
  const left = clamp(place.x, area.x, area.x + area.width - width);
  const top = clamp(wanted, area.y, area.y + area.height - height);
  context.beginPath();
  context.roundRect(left, top, width, height, labelSize * 0.25);
  context.strokeStyle = OUTLINE;
  context.lineWidth = 2;
  context.stroke();
  context.fillStyle = color;
  context.fill();
  context.fillStyle = inkOn(color);
  context.fillText(text, left + padding, top + height / 2);
}

function setFont(context: CanvasRenderingContext2D, size: number): void {
  context.font = `600 ${size}px ${FONT_FAMILY}`;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
}

function strokeOutlined({ context, lineWidth }: Pen, color: string): void {
  context.strokeStyle = OUTLINE;
  context.lineWidth = lineWidth + Math.max(2, lineWidth);
  context.stroke();
  context.strokeStyle = color;
  context.lineWidth = lineWidth;
  context.stroke();
}

function toCanvas({ area }: Pen, x: number, y: number): [number, number] {
  return [area.x + x * area.width, area.y + y * area.height];
}

/** Where both bounds can't be kept the lower one wins: the beginning of a text matters most. */
function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}

/** The same key gets the same colour on every screen. */
export function colorFor(key: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0;
  }
  // With FNV-1a alone, the low bits of short keys are alike.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return PALETTE[((hash ^ (hash >>> 16)) >>> 0) % PALETTE.length] ?? PALETTE[0];
}

/** Black or white, whichever is easier to read on `color` (#rgb, #rrggbb or #rrggbbaa). */
export function inkOn(color: string): string {
  const digits = color.slice(1);
  const long = digits.length === 3 ? digits.replaceAll(/./g, '$&$&') : digits;
  const part = (at: number) => Number.parseInt(long.slice(at, at + 2), 16);
  return part(0) * 0.299 + part(2) * 0.587 + part(4) * 0.114 > 140 ? '#0b0d10' : '#ffffff';
}
