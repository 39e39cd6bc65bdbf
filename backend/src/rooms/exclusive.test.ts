import { describe, expect, it } from 'vitest';
import { Exclusive } from './exclusive.ts';

describe('Exclusive', () => {
  it('CONN-5 runs one task after another, in the order of the calls', async () => {
    const exclusive = new Exclusive();
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = exclusive.run(async () => {
      log.push('first begins');
      await gate.promise;
      log.push('first ends');
    });
    const second = exclusive.run(async () => {
      log.push('second');
    });
    await Promise.resolve();
    expect(log).toEqual(['first begins']);
    gate.resolve();
    await Promise.all([first, second]);
    expect(log).toEqual(['first begins', 'first ends', 'second']);
  });

  it('CONN-5 a failed task affects only its own caller', async () => {
    const exclusive = new Exclusive();
    const failed = exclusive.run(async () => {
      throw new Error('no');
    });
    const next = exclusive.run(async () => 'done');
    await expect(failed).rejects.toThrow('no');
    await expect(next).resolves.toBe('done');
  });
});
