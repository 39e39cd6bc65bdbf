import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Admission } from './admission.ts';

const PATIENCE_MS = 250;

/** Entrants that are done when they are told, and what happened to them. */
function hall(atOnce: number, count: number) {
  const admission = new Admission(atOnce, PATIENCE_MS);
  const entered: number[] = [];
  const finish: ((error?: Error) => void)[] = [];
  const outcomes = Array.from({ length: count }, (_, i) =>
    admission.run(async () => {
      entered.push(i);
      await new Promise<void>((resolve, reject) => {
        finish[i] = (error) => (error ? reject(error) : resolve());
      });
      return i;
    }),
  );
  return { admission, entered, finish, outcomes };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('R151 admission', () => {
  it('lets in so many at once and the others in the order in which they came', async () => {
    const { admission, entered, finish, outcomes } = hall(2, 5);
    await settled();
    expect([entered, admission.waiting]).toEqual([[0, 1], 3]);
    finish[1]?.();
    await settled();
    expect([entered, admission.waiting]).toEqual([[0, 1, 2], 2]);
    finish[0]?.();
    finish[2]?.();
    await settled();
    expect([entered, admission.waiting]).toEqual([[0, 1, 2, 3, 4], 0]);
    finish[4]?.();
    finish[3]?.();
    expect(await Promise.all(outcomes)).toEqual([0, 1, 2, 3, 4]);
  });

  it('who fails makes room like anybody else', async () => {
    const { entered, finish, outcomes } = hall(1, 3);
    await settled();
    finish[0]?.(new Error('gone'));
    await expect(outcomes[0]).rejects.toThrow('gone');
    await settled();
    expect(entered).toEqual([0, 1]);
    finish[1]?.();
    await settled();
    finish[2]?.();
    expect(await Promise.all(outcomes.slice(1))).toEqual([1, 2]);
  });

  it('who takes too long goes on and holds up nobody any more', async () => {
    const { admission, entered, finish, outcomes } = hall(1, 4);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
    expect(entered).toEqual([0]);
    await vi.advanceTimersByTimeAsync(1);
    expect(entered).toEqual([0, 1]);
    // It has given its place away already.
    finish[0]?.();
    await settled();
    expect([entered, admission.waiting]).toEqual([[0, 1], 2]);
    finish[1]?.();
    await settled();
    expect(entered).toEqual([0, 1, 2]);
    finish[2]?.();
    await settled();
    finish[3]?.();
    expect(await Promise.all(outcomes)).toEqual([0, 1, 2, 3]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('when all have gone there is room for as many as before', async () => {
    const { admission, finish, outcomes } = hall(2, 4);
    for (let i = 0; i < 4; i += 1) {
      await settled();
      finish[i]?.();
    }
    await Promise.all(outcomes);
    const entered: string[] = [];
    const never = () => new Promise<void>(() => undefined);
    for (const name of ['a', 'b', 'c']) {
      void admission.run(async () => {
        entered.push(name);
        await never();
      });
    }
    await settled();
    expect([entered, admission.waiting]).toEqual([['a', 'b'], 1]);
  });
});
