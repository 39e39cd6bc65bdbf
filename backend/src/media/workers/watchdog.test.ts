import type { types } from 'mediasoup';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { Watchdog } from './watchdog.ts';

const { watchdogIntervalMs: INTERVAL, watchdogDeadlineMs: DEADLINE } = LIMITS;
/** Two missed deadlines, each a whole check after the one before, and a check just missed. */
const NOTICED_WITHIN_MS = LIMITS.watchdogMisses * INTERVAL + DEADLINE;

function watched() {
  const hangs: string[] = [];
  let answer: () => Promise<types.WorkerResourceUsage> = async () =>
    ({}) as types.WorkerResourceUsage;
  let asked = 0;
  const worker = {
    closed: false,
    getResourceUsage: () => {
      asked += 1;
      return answer();
    },
  };
  const watchdog = new Watchdog(worker, LIMITS, {
    answered: () => undefined,
    hangs: (reason) => hangs.push(reason),
  });
  return {
    hangs,
    worker,
    watchdog,
    asked: () => asked,
    answer: (next: typeof answer) => {
      answer = next;
    },
  };
}

const silent = () => new Promise<never>(() => undefined);

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('SRV-6 Watchdog', () => {
  it('leaves a worker that answers alone', async () => {
    const { hangs, asked } = watched();
    await vi.advanceTimersByTimeAsync(100 * INTERVAL);
    expect(asked()).toBe(100);
    expect(hangs).toEqual([]);
  });

  it('notices a worker that hangs within two missed deadlines', async () => {
    const { hangs, answer } = watched();
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    answer(silent);
    await vi.advanceTimersByTimeAsync(NOTICED_WITHIN_MS - 1);
    expect(hangs).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(hangs).toEqual(['no answer']);
  });

  it('forgives one missed deadline', async () => {
    const { hangs, answer } = watched();
    for (let i = 0; i < 10; i += 1) {
      answer(silent);
      await vi.advanceTimersByTimeAsync(INTERVAL);
      answer(async () => ({}) as types.WorkerResourceUsage);
      await vi.advanceTimersByTimeAsync(INTERVAL);
    }
    expect(hangs).toEqual([]);
  });

  it('notices a poisoned channel at the first check, and says so once', async () => {
    const { hangs, answer } = watched();
    answer(() => Promise.reject(new Error('object serialization must not be nested')));
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(hangs).toEqual(['poisoned channel']);
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(hangs).toHaveLength(1);
  });

  it('is silent once closed, and about a worker that has closed', async () => {
    const first = watched();
    first.answer(silent);
    await vi.advanceTimersByTimeAsync(INTERVAL);
    first.watchdog.close();
    first.watchdog.close();
    const second = watched();
    second.worker.closed = true;
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(first.hangs).toEqual([]);
    expect(second.asked()).toBe(0);
    second.watchdog.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
