import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { WorkerLoad } from './load.ts';

const GUESS = LIMITS.transportCostGuess;
const cpu = (ms: number) => ({ ru_utime: ms * 0.75, ru_stime: ms * 0.25 });

/** Measured once a second, by the CPU time used in each. */
function measured(seconds: readonly number[], transports = 0, answeredInMs = 1): WorkerLoad {
  const load = new WorkerLoad(LIMITS);
  let total = 5_000;
  load.measured(cpu(total), answeredInMs, transports, 0);
  seconds.forEach((usedMs, index) => {
    total += usedMs;
    load.measured(cpu(total), answeredInMs, transports, (index + 1) * 1_000);
  });
  return load;
}

describe('FAN-1 how busy a worker is', () => {
  it('is the CPU time of the last measure as a share of a core', () => {
    expect(measured([900, 250]).estimate(0)).toBeCloseTo(0.25);
    expect(measured([100], 100).share).toBeCloseTo(0.1);
  });

  it('is not what it used before the first measure', () => {
    expect(measured([]).estimate(0)).toBe(0);
  });

  it('counts those who came since by what the others cost', () => {
    const load = measured([400], 100);
    expect(load.estimate(100)).toBeCloseTo(0.4);
    expect(load.estimate(150)).toBeCloseTo(0.4 + 50 * 0.004);
  });

  it('counts them by a guess where nothing is known', () => {
    expect(new WorkerLoad(LIMITS).estimate(1_000)).toBeCloseTo(1_000 * GUESS);
  });

  it('takes no absurd cost from a worker that does something else, or nothing', () => {
    expect(measured([900], 2).estimate(3)).toBeCloseTo(0.9 + LIMITS.transportCostMax);
    expect(measured([0], 500).estimate(600)).toBeCloseTo(100 * LIMITS.transportCostMin);
  });

  it('does not fall below what was measured when some have left', () => {
    expect(measured([400], 100).estimate(0)).toBeCloseTo(0.4);
  });

  it('is more when several answers in a row were slow, and not for one', () => {
    const slow = LIMITS.slowAnswerMs + 1;
    expect(measured([300, 300], 0, slow).estimate(0)).toBeCloseTo(0.3 + LIMITS.slowAnswerShare);
    const hiccup = measured([300, 300]);
    hiccup.measured(cpu(5_900), slow, 0, 3_000);
    expect(hiccup.estimate(0)).toBeCloseTo(0.3);
  });

  it('survives a clock and a counter that stand still', () => {
    const load = measured([500]);
    load.measured(cpu(5_500), 1, 0, 1_000);
    expect(load.estimate(0)).toBeCloseTo(0.5);
  });
});
