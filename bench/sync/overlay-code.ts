/**
 * Writes a number from 0 to 255 as overlay shapes and reads it back from the pixels of the overlay's
 * canvas, so that the bench need not trust what the page reports. There are nine places in the lower
 * right of the video: the first always has a stroke, each other one if its bit is set.
 */
import type { Shape } from '#protocol/overlay.ts';

const PLACES = { count: 9, left: 0.55, step: 0.045, top: 0.6, bottom: 0.9 } as const;

// The next functions use only PLACES, because their source text is sent to a page.

export function codeShapes(number: number): Shape[] {
  const shapes: Shape[] = [];
  for (let place = 0; place < PLACES.count; place += 1) {
    if (place > 0 && ((number >> (PLACES.count - 1 - place)) & 1) === 0) continue;
    const x = PLACES.left + place * PLACES.step;
    const points: [number, number][] = [
      [x, PLACES.top],
      [x, PLACES.bottom],
    ];
    shapes.push({ type: 'polyline', points, color: '#ff2020' });
  }
  return shapes;
}

/** The number in such shapes. */
export function codeOf(shapes: readonly Shape[]): number {
  let number = 0;
  for (const shape of shapes) {
    const x = shape.type === 'polyline' ? shape.points[0]?.[0] : undefined;
    if (x === undefined) continue;
    const place = Math.round((x - PLACES.left) / PLACES.step);
    if (place > 0) number |= 1 << (PLACES.count - 1 - place);
  }
  return number;
}

/** The number drawn over the video; undefined where there is none. */
export function readCode(canvas: HTMLCanvasElement, video: HTMLVideoElement): number | undefined {
  const context = canvas.getContext('2d');
  if (!context || canvas.width === 0 || video.videoWidth === 0) return undefined;
  // The video's place on the canvas, computed here and not by the code under test.
  const scale = Math.min(canvas.width / video.videoWidth, canvas.height / video.videoHeight);
  const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
  const left = (canvas.width - width) / 2;
  const middle = (canvas.height - height) / 2 + ((PLACES.top + PLACES.bottom) / 2) * height;
  const row = context.getImageData(0, Math.round(middle), canvas.width, 1).data;
  let number = 0;
  for (let place = 0; place < PLACES.count; place += 1) {
    const x = Math.round(left + (PLACES.left + place * PLACES.step) * width);
    // One pixel on each side, because lines are at least 1.5 px wide.
    const alpha = Math.max(...[x - 1, x, x + 1].map((at) => row[at * 4 + 3] ?? 0));
    if (place === 0 && alpha < 128) return undefined;
    if (place > 0) number = (number << 1) | (alpha < 128 ? 0 : 1);
  }
  return number;
}

/** The functions above as source text that defines `overlayCode` in a page. */
export function overlayCodeScript(): string {
  return `globalThis.overlayCode = (() => {
    const PLACES = ${JSON.stringify(PLACES)};
    ${codeShapes.toString()}
    ${codeOf.toString()}
    ${readCode.toString()}
    return { shapes: codeShapes, of: codeOf, read: readCode };
  })();`;
}

declare global {
  /** In pages that ran `overlayCodeScript`. */
  var overlayCode: {
    readonly shapes: typeof codeShapes;
    readonly of: typeof codeOf;
    readonly read: typeof readCode;
  };
}
