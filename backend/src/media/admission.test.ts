import { describe, expect, it } from 'vitest';
import { Admission } from './admission.ts';

/** Entrants that are done when they are told, and what happened to them. */
function hall(atOnce: number, count: number) {
  const admission = new Admission(atOnce);
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

const settled = () => new Promise((resolve) => setImmediate(resolve));

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
