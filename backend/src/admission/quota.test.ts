import { expect, it } from 'vitest';
import { Quota } from './quota.ts';

it('LIMIT-5 one address has its share, all together theirs, and what is given back is free', () => {
  const quota = new Quota({ max: 5, perAddressMax: 3 });
  const mine = [1, 2, 3].map(() => quota.take('a'));
  expect(() => quota.take('a')).toThrow('too many');
  quota.take('b');
  quota.take('c');
  expect(() => quota.take('d')).toThrow('too many');
  mine[0]?.();
  // Twice is once.
  mine[0]?.();
  quota.take('d');
  expect(() => quota.take('e')).toThrow('too many');
  expect(() => quota.take('a')).toThrow('too many');
});
