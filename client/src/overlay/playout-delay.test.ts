import { describe, expect, it } from 'vitest';
import { PLAYOUT_DELAY, PlayoutDelay } from './playout-delay.ts';

/** Plays data that comes `latenessMs` after its frame where the picture does not wait. */
function play(inStep: PlayoutDelay, latenessMs: () => number, seconds: number, from = 0): void {
  let picture = inStep.delayMs.value;
  for (let i = 0; i < seconds * 30; i += 1) {
    const now = from + (i * 1000) / 30;
    // As browsers do: 100 ms in a second at most.
    const way = inStep.delayMs.value - picture;
    picture += Math.sign(way) * Math.min(Math.abs(way), 100 / 30);
    inStep.sample(latenessMs() - picture, now);
  }
}

describe('InStep', () => {
  it('FRAME-7 the picture waits for nobody unless asked to', () => {
    const inStep = new PlayoutDelay();
    play(inStep, () => 200, 10);
    expect(inStep.delayMs.value).toBe(0);
  });

  it('FRAME-7 auto finds how long the data takes, and a little more', () => {
    const inStep = new PlayoutDelay();
    inStep.setMode('auto', 0);
    let i = 0;
    play(inStep, () => 50 + ((i += 37) % 200), 20);
    expect(inStep.delayMs.value).toBeGreaterThanOrEqual(240);
    expect(inStep.delayMs.value).toBeLessThanOrEqual(340);
  });

  it('FRAME-7 never more than the bound', () => {
    const inStep = new PlayoutDelay();
    inStep.setMode('auto', 0);
    play(inStep, () => 2000, 60);
    expect(inStep.delayMs.value).toBe(PLAYOUT_DELAY.delayMaxMs);
    inStep.setMode(10_000, 0);
    expect(inStep.delayMs.value).toBe(PLAYOUT_DELAY.delayMaxMs);
  });

  it('FRAME-7 gives back what is no longer needed', () => {
    const inStep = new PlayoutDelay();
    inStep.setMode('auto', 0);
    play(inStep, () => 300, 10);
    const most = inStep.delayMs.value;
    play(inStep, () => -40, 60, 100_000);
    expect(most).toBeGreaterThan(300);
    expect(inStep.delayMs.value).toBeLessThan(100);
  });

  it('FRAME-7 a chosen delay is kept, and off is none', () => {
    const inStep = new PlayoutDelay();
    inStep.setMode(200, 0);
    play(inStep, () => 400, 10);
    expect(inStep.delayMs.value).toBe(200);
    inStep.setMode('off', 0);
    expect(inStep.delayMs.value).toBe(0);
  });
});
