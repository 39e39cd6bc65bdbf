import { type ReadonlySignal, signal } from '@preact/signals-core';
import { whenLoaded } from '../ui/page.ts';

/**
 * Keeps a live <video> playing. Browsers pause it for their own reasons (page in the background, a
 * call, media keys, headphones unplugged). Live video has no pause, so it is started again as soon as
 * the browser allows it.
 */
export class Player {
  readonly #video: HTMLVideoElement;
  readonly #abort = new AbortController();
  readonly #blocked = signal(false);
  readonly #muted = signal(true);

  constructor(video: HTMLVideoElement, stream: MediaStream) {
    this.#video = video;
    // Safari reads the attribute, other browsers read the property.
    video.setAttribute('playsinline', '');
    video.muted = true;
    const options = { signal: this.#abort.signal };
    const resume = () => {
      if (document.visibilityState === 'visible') this.play();
    };
    video.addEventListener('pause', resume, options);
    video.addEventListener('playing', () => (this.#blocked.value = false), options);
    video.addEventListener('volumechange', () => (this.#muted.value = video.muted), options);
    document.addEventListener('visibilitychange', resume, options);
    window.addEventListener('pageshow', () => this.#attachAgain(), options);
    whenLoaded(() => {
      if (this.#abort.signal.aborted) return;
      video.srcObject = stream;
      this.play();
    });
  }

  /** Whether the browser refuses to play until the person clicks. */
  get blocked(): ReadonlySignal<boolean> {
    return this.#blocked;
  }

  get muted(): ReadonlySignal<boolean> {
    return this.#muted;
  }

  play(): void {
    if (this.#video.srcObject === null) return;
    this.#video.play().then(
      () => {
        this.#blocked.value = false;
      },
      (error: unknown) => this.#refused(error),
    );
  }

  /** To unmute, call this while a person's click is being handled. */
  setMuted(muted: boolean): void {
    this.#video.muted = muted;
    this.play();
  }

  close(): void {
    this.#abort.abort();
    this.#video.srcObject = null;
  }

  #refused(error: unknown): void {
    // The autoplay attribute may have started playback although the call was refused.
    if (this.#abort.signal.aborted || !this.#video.paused) return;
    // After any other error (for example a track replaced in the meantime), play() is called again.
    if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
    if (!this.#video.muted) {
      this.setMuted(true);
      return;
    }
    this.#blocked.value = true;
  }

  /** iOS can lose the video of a page that comes back from the history; setting it again helps. */
  #attachAgain(): void {
    const stream = this.#video.srcObject;
    if (this.#video.paused && stream !== null) this.#video.srcObject = stream;
    this.play();
  }
}
