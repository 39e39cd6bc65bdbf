import { type ReadonlySignal, signal } from '@preact/signals-core';
import { whenLoaded } from '../ui/when-loaded.ts';

/**
 * Keeps a live <video> playing. Browsers pause it for reasons of their own (background, a call, media
 * keys, headphones pulled); a live picture has no pause, so it is started again when it can be.
 */
export class Player {
  readonly #video: HTMLVideoElement;
  readonly #abort = new AbortController();
  readonly #blocked = signal(false);
  readonly #muted = signal(true);

  constructor(video: HTMLVideoElement, stream: MediaStream) {
    this.#video = video;
    // Safari goes by the attributes, other browsers by the properties.
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

  /** The browser refuses to play without a person's click. */
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

  /** Must be called within a person's click where it turns the sound on. */
  setMuted(muted: boolean): void {
    this.#video.muted = muted;
    this.play();
  }

  close(): void {
    this.#abort.abort();
    this.#video.srcObject = null;
  }

  #refused(error: unknown): void {
    // The autoplay attribute may have got through where the call did not.
    if (this.#abort.signal.aborted || !this.#video.paused) return;
    // Anything else (a track swapped meanwhile, say) is followed by a play() of its own.
    if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
    if (!this.#video.muted) {
      this.setMuted(true);
      return;
    }
    this.#blocked.value = true;
  }

  /** A page that comes back from the history may have lost its picture: iOS wants it set anew. */
  #attachAgain(): void {
    const stream = this.#video.srcObject;
    if (this.#video.paused && stream !== null) this.#video.srcObject = stream;
    this.play();
  }
}
