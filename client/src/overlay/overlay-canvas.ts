import { drawTopics, type Rect } from './draw.ts';
import type { ShownTopic } from './shape-topics.ts';

type Size = Pick<Rect, 'width' | 'height'>;

/** The shape of most videos, for an overlay that has no video under it. */
const SHAPE_WITHOUT_VIDEO: Size = { width: 16, height: 9 };

/**
 * The area of the video inside its element with `object-fit: contain`: as large as it fits, in the
 * middle, with bars at the sides or above and below. Undefined while either of them has no extent
 * (no metadata yet, element not laid out).
 */
export function containedArea(element: Size, video: Size): Rect | undefined {
  const isKnown = [element.width, element.height, video.width, video.height].every(
    (extent) => Number.isFinite(extent) && extent > 0,
  );
  if (!isKnown) return undefined;
  const scale = Math.min(element.width / video.width, element.height / video.height);
  const width = video.width * scale;
  const height = video.height * scale;
  return { x: (element.width - width) / 2, y: (element.height - height) / 2, width, height };
}

/**
 * A canvas over a video with the same CSS box; the video is shown with `object-fit: contain`. Follows
 * changes of size and pixel density, and draws only when something has changed.
 */
export class OverlayCanvas {
  readonly #canvas: HTMLCanvasElement;
  readonly #video: HTMLVideoElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #shown: () => readonly ShownTopic[];
  readonly #closing = new AbortController();
  readonly #resizes: ResizeObserver;
  #density: MediaQueryList | undefined;
  #animationFrame: number | undefined;
  #visible = true;
  #drawsWithoutVideo = false;

  /** `shown` returns what to draw, back to front. */
  constructor(
    canvas: HTMLCanvasElement,
    video: HTMLVideoElement,
    shown: () => readonly ShownTopic[],
  ) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This browser gives no 2D canvas.');
    this.#canvas = canvas;
    this.#video = video;
    this.#context = context;
    this.#shown = shown;
    this.#resizes = new ResizeObserver(this.schedule);
    this.#resizes.observe(video);
    const { signal } = this.#closing;
    // `resize` is fired when the video itself changes its size (a simulcast layer, another camera).
    for (const event of ['resize', 'loadedmetadata', 'emptied']) {
      video.addEventListener(event, this.schedule, { signal });
    }
    document.addEventListener('fullscreenchange', this.schedule, { signal });
    this.#watchDensity();
    this.schedule();
  }

  get visible(): boolean {
    return this.#visible;
  }

  set visible(visible: boolean) {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.schedule();
  }

  set drawsWithoutVideo(draws: boolean) {
    if (draws === this.#drawsWithoutVideo) return;
    this.#drawsWithoutVideo = draws;
    this.schedule();
  }

  /** Draws with the next animation frame. */
  readonly schedule = (): void => {
    if (this.#animationFrame !== undefined || this.#closing.signal.aborted) return;
    this.#animationFrame = requestAnimationFrame(() => {
      this.#animationFrame = undefined;
      this.draw();
    });
  };

  draw(): void {
    const canvas = this.#canvas;
    const { clientWidth, clientHeight, videoWidth, videoHeight } = this.#video;
    const ratio = window.devicePixelRatio;
    const width = Math.round(clientWidth * ratio);
    const height = Math.round(clientHeight * ratio);
    // Setting the size clears the canvas, even to the same size.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, width, height);
    const area = containedArea(
      { width: clientWidth, height: clientHeight },
      videoWidth === 0 && this.#drawsWithoutVideo
        ? SHAPE_WITHOUT_VIDEO
        : { width: videoWidth, height: videoHeight },
    );
    if (!this.#visible || !area) return;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawTopics(this.#context, area, this.#shown());
  }

  /** Clears the canvas. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#resizes.disconnect();
    this.#density?.removeEventListener('change', this.#densityChanged);
    if (this.#animationFrame !== undefined) cancelAnimationFrame(this.#animationFrame);
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** A media query only reports whether the ratio still is the one in it: each change needs a new query. */
  #watchDensity(): void {
    this.#density = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    this.#density.addEventListener('change', this.#densityChanged, { once: true });
  }

  readonly #densityChanged = (): void => {
    this.#watchDensity();
    this.schedule();
  };
}
