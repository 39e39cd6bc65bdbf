import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { WorkerLoad } from './load.ts';

const GUESS = LIMITS.transportCostInitialCores;
const cpu = (ms: number) => ({ ru_utime: ms * 0.75, ru_stime: ms * 0.25 });

/** A load that was measured once a second; `seconds` is the CPU time (ms) used in each. */
function measured(seconds: readonly number[], transports = 0, answeredInMs = 1): WorkerLoad {
  const load = new WorkerLoad(LIMITS);
  let total = 5_000;
  load.record(cpu(total), answeredInMs, transports, 0);
  seconds.forEach((usedMs, index) => {
    total += usedMs;
    load.record(cpu(total), answeredInMs, transports, (index + 1) * 1_000);
  });
  return load;
}

describe('FAN-1 how busy a worker is', () => {
  it('is the CPU time of the last measurement as a share of a core', () => {
    expect(measured([900, 250]).estimate(0)).toBeCloseTo(0.25);
    expect(measured([100], 100).share).toBeCloseTo(0.1);
  });

  it('does not include CPU time from before the first measurement', () => {
    expect(measured([]).estimate(0)).toBe(0);
  });

  it('adds the average cost for each transport created since the last measurement', () => {
    const load = measured([400], 100);
    expect(load.estimate(100)).toBeCloseTo(0.4);
    expect(load.estimate(150)).toBeCloseTo(0.4 + 50 * 0.004);
  });

  it('uses a default cost while nothing has been measured', () => {
    expect(new WorkerLoad(LIMITS).estimate(1_000)).toBeCloseTo(1_000 * GUESS);
  });

  it('keeps the cost within bounds if the worker is busy with something else, or idle', () => {
    expect(measured([900], 2).estimate(3)).toBeCloseTo(0.9 + LIMITS.transportCostMaxCores);
    expect(measured([0], 500).estimate(600)).toBeCloseTo(100 * LIMITS.transportCostMinCores);
  });

  it('does not fall below the measurement when transports have closed', () => {
    expect(measured([400], 100).estimate(0)).toBeCloseTo(0.4);
  });

  it('rises when several answers in a row were slow, but not for a single slow answer', () => {
    const slow = LIMITS.slowAnswerMs + 1;
    expect(measured([300, 300], 0, slow).estimate(0)).toBeCloseTo(0.3 + LIMITS.slowAnswerLoadShare);
    const oneSlow = measured([300, 300]);
    oneSlow.record(cpu(5_900), slow, 0, 3_000);
    expect(oneSlow.estimate(0)).toBeCloseTo(0.3);
  });

  it('accepts a clock and a counter that do not advance', () => {
    const load = measured([500]);
    load.record(cpu(5_500), 1, 0, 1_000);
    expect(load.estimate(0)).toBeCloseTo(0.5);
  });
});
