import type { types } from 'mediasoup';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { Watchdog } from './watchdog.ts';

const { watchdogIntervalMs: INTERVAL, watchdogDeadlineMs: DEADLINE } = LIMITS;
/** The worker hangs just after a check; then two deadlines are missed, one check interval apart. */
const NOTICED_WITHIN_MS = LIMITS.watchdogMissesMax * INTERVAL + DEADLINE;

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
    hung: (reason) => hangs.push(reason),
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
  it('does not report a worker that answers', async () => {
    const { hangs, asked } = watched();
    await vi.advanceTimersByTimeAsync(100 * INTERVAL);
    expect(asked()).toBe(100);
    expect(hangs).toEqual([]);
  });

  it('reports a worker that hangs within two missed deadlines', async () => {
    const { hangs, answer } = watched();
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    answer(silent);
    await vi.advanceTimersByTimeAsync(NOTICED_WITHIN_MS - 1);
    expect(hangs).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(hangs).toEqual(['no answer']);
  });

  it('does not report a single missed deadline', async () => {
    const { hangs, answer } = watched();
    for (let i = 0; i < 10; i += 1) {
      answer(silent);
      await vi.advanceTimersByTimeAsync(INTERVAL);
      answer(async () => ({}) as types.WorkerResourceUsage);
      await vi.advanceTimersByTimeAsync(INTERVAL);
    }
    expect(hangs).toEqual([]);
  });

  it('reports a broken channel at the first check, and only once', async () => {
    const { hangs, answer } = watched();
    answer(() => Promise.reject(new Error('object serialization must not be nested')));
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(hangs).toEqual(['broken channel']);
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(hangs).toHaveLength(1);
  });

  it('reports nothing once it is closed, or when the worker has closed', async () => {
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
