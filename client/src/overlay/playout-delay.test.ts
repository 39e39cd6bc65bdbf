import { describe, expect, it } from 'vitest';
import { PLAYOUT_DELAY, PlayoutDelay } from './playout-delay.ts';

/** Plays data that would come `latenessMs` after its frame without a delay. */
function play(
  playoutDelay: PlayoutDelay,
  latenessMs: () => number,
  seconds: number,
  from = 0,
): void {
  let actualMs = playoutDelay.delayMs.value;
  for (let i = 0; i < seconds * 30; i += 1) {
    const now = from + (i * 1000) / 30;
    // Browsers change the delay by at most 100 ms in a second.
    const change = playoutDelay.delayMs.value - actualMs;
    actualMs += Math.sign(change) * Math.min(Math.abs(change), 100 / 30);
    playoutDelay.sample(latenessMs() - actualMs, now);
  }
}

describe('PlayoutDelay', () => {
  it('FRAME-7 does not delay the video unless a mode is set', () => {
    const playoutDelay = new PlayoutDelay();
    play(playoutDelay, () => 200, 10);
    expect(playoutDelay.delayMs.value).toBe(0);
  });

  it('FRAME-7 auto finds how long the data takes, plus a margin', () => {
    const playoutDelay = new PlayoutDelay();
    playoutDelay.setMode('auto', 0);
    let i = 0;
    play(playoutDelay, () => 50 + ((i += 37) % 200), 20);
    expect(playoutDelay.delayMs.value).toBeGreaterThanOrEqual(240);
    expect(playoutDelay.delayMs.value).toBeLessThanOrEqual(340);
  });

  it('FRAME-7 never exceeds its maximum', () => {
    const playoutDelay = new PlayoutDelay();
    playoutDelay.setMode('auto', 0);
    play(playoutDelay, () => 2000, 60);
    expect(playoutDelay.delayMs.value).toBe(PLAYOUT_DELAY.delayMaxMs);
    playoutDelay.setMode(10_000, 0);
    expect(playoutDelay.delayMs.value).toBe(PLAYOUT_DELAY.delayMaxMs);
  });

  it('FRAME-7 reduces a delay that is no longer needed', () => {
    const playoutDelay = new PlayoutDelay();
    playoutDelay.setMode('auto', 0);
    play(playoutDelay, () => 300, 10);
    const most = playoutDelay.delayMs.value;
    play(playoutDelay, () => -40, 60, 100_000);
    expect(most).toBeGreaterThan(300);
    expect(playoutDelay.delayMs.value).toBeLessThan(100);
  });

  it('FRAME-7 keeps a chosen delay, and has none when off', () => {
    const playoutDelay = new PlayoutDelay();
    playoutDelay.setMode(200, 0);
    play(playoutDelay, () => 400, 10);
    expect(playoutDelay.delayMs.value).toBe(200);
    playoutDelay.setMode('off', 0);
    expect(playoutDelay.delayMs.value).toBe(0);
  });
});
