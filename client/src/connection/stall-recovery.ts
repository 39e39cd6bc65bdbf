import { type ReadonlySignal, signal } from '@preact/signals-core';
import { flowSampleOf } from '../media/stats.ts';
import { beginStall, isFlowing, type Remedy, type StallState, stepStall } from './stall.ts';

const SAMPLE_MS = 250;

export interface StallRecoveryOptions {
  getStats(): Promise<RTCStatsReport | undefined>;
  /** Whether video should arrive now. */
  expectsFrames(): boolean;
  /** As in RoomView. */
  keyFrameIntervalMs(): number | undefined;
  readonly remedies: Readonly<Record<Remedy, () => void>>;
}

/** Watches the decoded frames of a viewer's video, and applies a remedy when the video stalls. */
export class StallRecovery {
  readonly #options: StallRecoveryOptions;
  readonly #flowing = signal(false);
  readonly #everFlowed = signal(false);
  readonly #timer: ReturnType<typeof setInterval>;
  #state: StallState | undefined;
  /** Decoded frames do not count until new consumers are made. */
  #simulating = false;

  constructor(options: StallRecoveryOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#sample(), SAMPLE_MS);
  }

  /** Frames are being decoded now. */
  get flowing(): ReadonlySignal<boolean> {
    return this.#flowing;
  }

  /** A frame has been decoded since the page was opened. */
  get everFlowed(): ReadonlySignal<boolean> {
    return this.#everFlowed;
  }

  /** A frame was decoded or shown: known sooner from the <video> than from the next sample. */
  frameSeen(): void {
    if (this.#simulating) return;
    this.#flowing.value = true;
    this.#everFlowed.value = true;
  }

  simulateStall(): void {
    this.#simulating = true;
  }

  /** Idempotent. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #sample(): Promise<void> {
    const before = this.#state;
    const seen = flowSampleOf(await this.#options.getStats(), performance.now());
    const sample = this.#simulating && before ? { ...seen, frames: before.last.frames } : seen;
    if (!before) {
      this.#state = beginStall(sample);
      return;
    }
    if (sample.frames > before.last.frames) this.frameSeen();
    const { state, remedy } = stepStall(before, sample, this.#options.keyFrameIntervalMs());
    this.#flowing.value = isFlowing(state);
    const expected = this.#options.expectsFrames();
    // Without frames to expect, the remedies start again from the first one; the video's pace is kept.
    this.#state = expected ? state : beginStall(sample, state);
    if (expected && remedy) this.#apply(remedy);
  }

  #apply(remedy: Remedy): void {
    console.info(`onecast: the video has stalled, remedy: ${remedy}`);
    if (remedy === 'new-consumers') this.#simulating = false;
    this.#options.remedies[remedy]();
  }
}
