const IDLE_MS = 3000;

/**
 * Sets data-idle on `stage` after some time without input, so that the controls no longer cover the
 * video. `mayHide()` is checked each time: the controls stay while they show something that a person
 * should read. A touch on `surface` shows and hides them.
 */
export class IdleControls {
  readonly #stage: HTMLElement;
  readonly #mayHide: () => boolean;
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(stage: HTMLElement, surface: HTMLElement, mayHide: () => boolean) {
    this.#stage = stage;
    this.#mayHide = mayHide;
    const options = { signal: this.#abort.signal };
    const wake = () => this.wake();
    stage.addEventListener(
      'pointermove',
      (event) => {
        if (event.pointerType === 'mouse') this.wake();
      },
      options,
    );
    stage.addEventListener(
      'pointerleave',
      (event) => {
        if (event.pointerType === 'mouse') this.#hide();
      },
      options,
    );
    surface.addEventListener(
      'pointerup',
      (event) => {
        if (event.pointerType !== 'mouse' && !this.#idle()) this.#hide();
        else this.wake();
      },
      options,
    );
    stage.addEventListener('focusin', wake, options);
    document.addEventListener('keydown', wake, options);
    this.wake();
  }

  /** Shows the controls and restarts the timer. */
  wake(): void {
    delete this.#stage.dataset.idle;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hide(), IDLE_MS);
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
    delete this.#stage.dataset.idle;
  }

  #idle(): boolean {
    return this.#stage.dataset.idle !== undefined;
  }

  #hide(): void {
    if (this.#mayHide()) this.#stage.dataset.idle = '';
  }
}
