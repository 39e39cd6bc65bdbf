/** A rectangle in CSS px; x and y from the left top corner of the element. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Where the picture really is inside a video element with `object-fit: contain`: as large as it
 * fits, in the middle, with bars beside it or above and below. `undefined` while either side has
 * no extent (no metadata yet, element not laid out).
 */
export function pictureRect(element: Size, picture: Size): Rect | undefined {
  const known = [element.width, element.height, picture.width, picture.height].every(
    (extent) => Number.isFinite(extent) && extent > 0,
  );
  if (!known) return undefined;
  const scale = Math.min(element.width / picture.width, element.height / picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return { x: (element.width - width) / 2, y: (element.height - height) / 2, width, height };
}
