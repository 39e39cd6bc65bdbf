import { type ReadonlySignal, signal } from '@preact/signals-core';

/** `auto` follows how late the data comes; a number delays the video by so many ms. */
export type PlayoutDelayMode = 'off' | 'auto' | number;

export const PLAYOUT_DELAY = {
  /** With more, people can no longer talk about what they see. */
  delayMaxMs: 500,
  /** Time between two adjustments; messages come up to 30 times a second. */
  everyMs: 1_000,
  /** Samples before the first adjustment. */
  samplesMin: 10,
  /** Only the newest samples count: 4 s at 30/s. */
  samplesMax: 120,
  /** This many of 100 messages should be in time. */
  percentile: 98,
  /** A message should be early by this, so that the page has it before its frame is shown. */
  marginMs: 20,
  /** With more slack than this above the margin the delay is reduced, step by step; with less the delay would oscillate. */
  slackMs: 60,
  stepDownMs: 20,
  /** Browsers change the delay by at most 100 ms in a second, so that nobody notices. */
  settleMsPerMs: 10,
} as const;

/**
 * Decides by how much the video is delayed, so that data from slow analysis still comes before its
 * frame. Pure except for the signal; the caller passes the time.
 */
export class PlayoutDelay {
  readonly #delayMs = signal(0);
  #mode: PlayoutDelayMode = 'off';
  #samples: number[] = [];
  #adjustAt = 0;

  get delayMs(): ReadonlySignal<number> {
    return this.#delayMs;
  }

  get mode(): PlayoutDelayMode {
    return this.#mode;
  }

  setMode(mode: PlayoutDelayMode, now: number): void {
    this.#mode = mode;
    // `auto` starts at the present delay.
    if (mode !== 'auto') this.#move(mode === 'off' ? 0 : mode, now);
  }

  /** How long after its frame a message came, ms; negative where it came before. */
  sample(latenessMs: number, now: number): void {
    if (this.#mode !== 'auto') return;
    this.#samples.push(latenessMs);
    if (this.#samples.length > PLAYOUT_DELAY.samplesMax) this.#samples.shift();
    if (now < this.#adjustAt || this.#samples.length < PLAYOUT_DELAY.samplesMin) return;
    this.#adjustAt = now + PLAYOUT_DELAY.everyMs;
    const late = percentile(this.#samples, PLAYOUT_DELAY.percentile) + PLAYOUT_DELAY.marginMs;
    const delay = this.#delayMs.value;
    if (late > 0) this.#move(delay + late, now);
    else if (late < -PLAYOUT_DELAY.slackMs) this.#move(delay - PLAYOUT_DELAY.stepDownMs, now);
  }

  #move(delayMs: number, now: number): void {
    const next = Math.round(Math.max(0, Math.min(PLAYOUT_DELAY.delayMaxMs, delayMs)) / 10) * 10;
    const change = Math.abs(next - this.#delayMs.value);
    if (change === 0) return;
    this.#delayMs.value = next;
    // Samples taken with the old delay are wrong for the new one.
    this.#samples = [];
    this.#adjustAt = now + PLAYOUT_DELAY.everyMs + change * PLAYOUT_DELAY.settleMsPerMs;
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))] ?? 0;
}
