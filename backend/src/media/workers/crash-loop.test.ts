import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { CrashLoop } from './crash-loop.ts';

const { respawnMinMs, respawnMaxMs, workerShortLifeMs, workerSettleMs, workerLossesMax } = LIMITS;

describe('SRV-10 growing pauses between workers that end soon after their start', () => {
  it('a worker that ends after a long life is replaced at once, and counts as ready at once', () => {
    const loop = new CrashLoop(LIMITS);
    for (let i = 0; i < 50; i += 1) {
      expect(loop.started(i * workerShortLifeMs)).toBe(0);
      expect(loop.ended((i + 1) * workerShortLifeMs)).toBe(0);
      expect(loop.isAlarming).toBe(false);
    }
  });

  it('the first short life costs no pause; then pauses double, up to the maximum', () => {
    const loop = new CrashLoop(LIMITS);
    let now = 0;
    const pauses: number[] = [];
    const settles: number[] = [];
    const alarms: boolean[] = [];
    for (let i = 0; i < 12; i += 1) {
      settles.push(loop.started(now));
      now += 500;
      pauses.push(loop.ended(now));
      alarms.push(loop.isAlarming);
      now += pauses.at(-1) ?? 0;
    }
    expect(pauses.slice(0, 4)).toEqual([0, respawnMinMs, respawnMinMs * 2, respawnMinMs * 4]);
    expect(pauses.at(-1)).toBe(respawnMaxMs);
    expect(settles.slice(0, 4)).toEqual([0, workerSettleMs, workerShortLifeMs, workerShortLifeMs]);
    expect(alarms.indexOf(true)).toBe(workerLossesMax - 1);
  });

  it('a start that fails is followed by a pause at once, and a long life forgives everything', () => {
    const loop = new CrashLoop(LIMITS);
    expect([loop.failed(), loop.failed(), loop.failed()]).toEqual([
      respawnMinMs,
      respawnMinMs * 2,
      respawnMinMs * 4,
    ]);
    expect(loop.isAlarming).toBe(true);
    expect(loop.started(0)).toBe(workerShortLifeMs);
    // As a timer may end.
    loop.settled(workerShortLifeMs - 0.4);
    expect(loop.isAlarming).toBe(false);
    expect(loop.ended(workerShortLifeMs + 1)).toBe(0);
  });

  it('a worker that ends after the shorter time still counts as a loss', () => {
    const loop = new CrashLoop(LIMITS);
    loop.started(0);
    loop.ended(100);
    expect(loop.started(100)).toBe(workerSettleMs);
    loop.settled(100 + workerSettleMs);
    expect(loop.ended(100 + 2 * workerSettleMs)).toBe(respawnMinMs);
  });
});
