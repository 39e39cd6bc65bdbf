import type { Shape } from '#protocol/overlay.ts';
import type { Rect } from './geometry.ts';
import { colorFor, inkOn } from './palette.ts';
import type { ShownTopic } from './shape-topics.ts';
import { shorten, wrapText } from './text-fit.ts';

const outline = 'rgba(8, 10, 14, 0.72)';
const family = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const lineHeight = 1.25;
const defaultTextSize = 0.05;

type ShapeOf<T extends Shape['type']> = Extract<Shape, { type: T }>;

/** Where and how large to draw; all lengths in CSS px. */
interface Pen {
  readonly context: CanvasRenderingContext2D;
  readonly picture: Rect;
  readonly line: number;
  readonly labelSize: number;
}

/**
 * Draws the shapes on `picture`, the rectangle of the real picture in the context's units (CSS px
 * after scaling by the device's pixel ratio). Nothing is drawn outside of it.
 */
export function drawTopics(
  context: CanvasRenderingContext2D,
  picture: Rect,
  topics: readonly ShownTopic[],
): void {
  const size = Math.min(picture.width, picture.height);
  const pen: Pen = {
    context,
    picture,
    line: clamp(size / 200, 1.5, 6),
    labelSize: clamp(size / 28, 11, 32),
  };
  context.save();
  context.beginPath();
  context.rect(picture.x, picture.y, picture.width, picture.height);
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
  const { context } = pen;
  const [x, y] = onPicture(pen, box.x, box.y);
  const width = box.width * pen.picture.width;
  const height = box.height * pen.picture.height;
  context.beginPath();
  context.rect(x, y, width, height);
  strokeOutlined(pen, color);
  const edge = y - pen.line / 2;
  if (box.label) drawTag(pen, box.label, { x: x - pen.line / 2, above: edge, below: edge }, color);
}

function drawLabel(pen: Pen, label: ShapeOf<'label'>, color: string): void {
  const { context, line } = pen;
  const [x, y] = onPicture(pen, label.x, label.y);
  context.beginPath();
  context.arc(x, y, line * 1.5, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.strokeStyle = outline;
  context.lineWidth = line;
  context.stroke();
  context.fill();
  drawTag(pen, label.text, { x, above: y - line * 3, below: y + line * 3 }, color);
}

function drawPolyline(pen: Pen, { points, closed }: ShapeOf<'polyline'>, color: string): void {
  pen.context.beginPath();
  for (const [x, y] of points) pen.context.lineTo(...onPicture(pen, x, y));
  if (closed) pen.context.closePath();
  strokeOutlined(pen, color);
}

function drawText(pen: Pen, shape: ShapeOf<'text'>, color: string): void {
  const { context, picture } = pen;
  const { align = 'left' } = shape;
  const size = (shape.size ?? defaultTextSize) * picture.height;
  context.font = `600 ${size}px ${family}`;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  const margin = Math.min(size * 0.3, picture.width * 0.02);
  const room = picture.width - 2 * margin;
  const maxLines = Math.max(1, Math.floor(picture.height / (size * lineHeight)));
  const lines = wrapText(context, shape.text, room, maxLines);
  const [anchorX, anchorY] = onPicture(pen, shape.x, shape.y);
  const top = clamp(
    anchorY,
    picture.y,
    picture.y + picture.height - lines.length * size * lineHeight,
  );
  context.strokeStyle = outline;
  context.lineWidth = Math.max(2, size * 0.16);
  context.fillStyle = color;
  for (const [index, text] of lines.entries()) {
    const width = context.measureText(text).width;
    const left = align === 'left' ? 0 : align === 'center' ? width / 2 : width;
    const x = clamp(anchorX - left, picture.x + margin, picture.x + picture.width - margin - width);
    const y = top + (index + 0.5) * size * lineHeight;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
}

interface TagPlace {
  readonly x: number;
  /** Where the tag's lower edge goes if there is room over it. */
  readonly above: number;
  /** Where its upper edge goes if not. */
  readonly below: number;
}

/** A word on a filled tag, always inside the picture. */
function drawTag(pen: Pen, label: string, place: TagPlace, color: string): void {
  const { context, picture, labelSize } = pen;
  context.font = `600 ${labelSize}px ${family}`;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  const padding = labelSize * 0.4;
  const text = shorten(context, label.replaceAll(/\s+/g, ' '), picture.width - 2 * padding);
  const width = context.measureText(text).width + 2 * padding;
  const tall = labelSize * 1.5;
  const wanted = place.above - tall >= picture.y ? place.above - tall : place.below;
  const left = clamp(place.x, picture.x, picture.x + picture.width - width);
  const top = clamp(wanted, picture.y, picture.y + picture.height - tall);
  context.beginPath();
  context.roundRect(left, top, width, tall, labelSize * 0.25);
  context.strokeStyle = outline;
  context.lineWidth = 2;
  context.stroke();
  context.fillStyle = color;
  context.fill();
  context.fillStyle = inkOn(color);
  context.fillText(text, left + padding, top + tall / 2);
}

function strokeOutlined({ context, line }: Pen, color: string): void {
  context.strokeStyle = outline;
  context.lineWidth = line + Math.max(2, line);
  context.stroke();
  context.strokeStyle = color;
  context.lineWidth = line;
  context.stroke();
}

function onPicture({ picture }: Pen, x: number, y: number): [number, number] {
  return [picture.x + x * picture.width, picture.y + y * picture.height];
}

/** The lower bound wins where both can't be held: the beginning of a text is worth more. */
function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}
