import { existsSync } from 'node:fs';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Descriptors, DescriptorWatch, readDescriptors } from './descriptors.ts';

const LIMITS = { descriptorCheckMs: 10_000, descriptorAlarmShare: 0.7 };

describe('SRV-8 file descriptors', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('warns once at 70 %, and again after the share was well below', async () => {
    const log = pino({ level: 'silent' });
    const warn = vi.spyOn(log, 'warn');
    const opens = [100, 690, 700, 900, 680, 700, 100, 701];
    const watch = new DescriptorWatch(
      () => [{ name: 'worker-0', pid: 1 }],
      LIMITS,
      log,
      async (): Promise<Descriptors> => ({ open: opens.shift() ?? 0, max: 1_000 }),
    );
    const warnings: number[] = [];
    for (let i = 0; opens.length > 0; i += 1) {
      await vi.advanceTimersByTimeAsync(i === 0 ? 0 : 10_000);
      warnings.push(warn.mock.calls.length);
    }
    expect(warnings).toEqual([0, 0, 1, 1, 1, 1, 1, 2]);
    expect(watch.latest.get('worker-0')).toEqual({ open: 701, max: 1_000 });
    watch.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('returns undefined if nothing can be read', async () => {
    expect(await readDescriptors(2 ** 30)).toBeUndefined();
  });

  it.runIf(existsSync('/proc/self/fd'))('reads them on Linux', async () => {
    const own = await readDescriptors(process.pid);
    expect(own?.open).toBeGreaterThan(3);
    expect(own?.max).toBeGreaterThan(own?.open ?? Infinity);
  });
});
