import { type ReadonlySignal, signal } from '@preact/signals-core';

/** `auto` follows the data; a number holds the picture back by so many ms. */
export type PlayoutDelayMode = 'off' | 'auto' | number;

export const PLAYOUT_DELAY = {
  /** More and a conversation about the picture falls apart. */
  delayMaxMs: 500,
  /** Looked at so often; messages come up to 30 times a second. */
  everyMs: 1_000,
  samplesMin: 10,
  /** Newest samples only: 4 s at 30/s. */
  samplesMax: 120,
  /** So many of 100 messages are to be in time. */
  percentile: 98,
  /** What a message is in time by, for the page to be told of it before its frame is shown. */
  marginMs: 20,
  /** Slack above the margin that is given back, a step at a time: less would go to and fro. */
  slackMs: 60,
  stepDownMs: 20,
  /** Browsers move a picture by at most 100 ms in a second, so that nobody sees it. */
  settleMsPerMs: 10,
} as const;

/**
 * Decides by how much the picture is held back, so that data which takes time to make still comes
 * before its frame. Pure but for the signal; the caller brings the time.
 */
export class PlayoutDelay {
  readonly #delayMs = signal(0);
  #mode: PlayoutDelayMode = 'off';
  #samples: number[] = [];
  #lookAt = 0;

  get delayMs(): ReadonlySignal<number> {
    return this.#delayMs;
  }

  get mode(): PlayoutDelayMode {
    return this.#mode;
  }

  setMode(mode: PlayoutDelayMode, now: number): void {
    this.#mode = mode;
    // `auto` begins where the picture is.
    if (mode !== 'auto') this.#move(mode === 'off' ? 0 : mode, now);
  }

  /** How long after its frame a message came, ms; negative where before. */
  sample(latenessMs: number, now: number): void {
    if (this.#mode !== 'auto') return;
    this.#samples.push(latenessMs);
    if (this.#samples.length > PLAYOUT_DELAY.samplesMax) this.#samples.shift();
    if (now < this.#lookAt || this.#samples.length < PLAYOUT_DELAY.samplesMin) return;
    this.#lookAt = now + PLAYOUT_DELAY.everyMs;
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
    // What was late with the delay before says nothing of this one.
    this.#samples = [];
    this.#lookAt = now + PLAYOUT_DELAY.everyMs + change * PLAYOUT_DELAY.settleMsPerMs;
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))] ?? 0;
}
