import type { OverlayMessage } from '#protocol/overlay.ts';
import { drawTopics } from './draw.ts';
import { pictureRect } from './geometry.ts';
import { ShapeTopics } from './shape-topics.ts';

/**
 * Draws the shapes over the picture, on a canvas that lies over the video with the same CSS box.
 * The video is shown with `object-fit: contain`. Draws only when something has changed.
 */
export class OverlayLayer {
  readonly #canvas: HTMLCanvasElement;
  readonly #video: HTMLVideoElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #topics = new ShapeTopics();
  readonly #closing = new AbortController();
  readonly #resizes: ResizeObserver;
  #density: MediaQueryList | undefined;
  #frame: number | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #visible = true;

  constructor(canvas: HTMLCanvasElement, video: HTMLVideoElement) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This browser gives no 2D canvas.');
    this.#canvas = canvas;
    this.#video = video;
    this.#context = context;
    this.#resizes = new ResizeObserver(this.#schedule);
    this.#resizes.observe(video);
    const { signal } = this.#closing;
    // `resize` comes when the picture itself changes its size (a simulcast layer, another camera).
    for (const event of ['resize', 'loadedmetadata', 'emptied']) {
      video.addEventListener(event, this.#schedule, { signal });
    }
    document.addEventListener('fullscreenchange', this.#schedule, { signal });
    this.#watchDensity();
    this.#schedule();
  }

  /** Whether the overlay is shown; messages are followed either way. */
  get visible(): boolean {
    return this.#visible;
  }

  set visible(visible: boolean) {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.#schedule();
  }

  /** Takes messages of kind `shapes` and ignores the others. */
  apply(message: OverlayMessage): void {
    if (message.kind !== 'shapes' || this.#closing.signal.aborted) return;
    this.#topics.apply(message, performance.now());
    this.#awaitExpiry();
    this.#schedule();
  }

  /** A new broadcast: nothing of the old one stays. */
  reset(): void {
    this.#topics.clear();
    this.#awaitExpiry();
    this.#schedule();
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#resizes.disconnect();
    this.#density?.removeEventListener('change', this.#densityChanged);
    clearTimeout(this.#expiry);
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#topics.clear();
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  readonly #schedule = (): void => {
    if (this.#frame !== undefined || this.#closing.signal.aborted) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#topics.expire(performance.now());
      this.#draw();
    });
  };

  #draw(): void {
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
    const picture = pictureRect(
      { width: clientWidth, height: clientHeight },
      { width: videoWidth, height: videoHeight },
    );
    if (!this.#visible || !picture) return;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawTopics(this.#context, picture, this.#topics.shown());
  }

  /** One timer, for whatever ends first. */
  #awaitExpiry(): void {
    clearTimeout(this.#expiry);
    const next = this.#topics.nextExpiry();
    if (next === undefined) return;
    this.#expiry = setTimeout(
      () => {
        if (this.#topics.expire(performance.now())) this.#schedule();
        this.#awaitExpiry();
      },
      Math.max(1, next - performance.now()),
    );
  }

  /** A media query can only ask whether the ratio still is what it was: each change asks anew. */
  #watchDensity(): void {
    this.#density = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    this.#density.addEventListener('change', this.#densityChanged, { once: true });
  }

  readonly #densityChanged = (): void => {
    this.#watchDensity();
    this.#schedule();
  };
}
