import { expect, it } from 'vitest';
import { Quota } from './quota.ts';

it('LIMIT-5 bounds each address and the total, and a release frees one', () => {
  const quota = new Quota({ max: 5, perAddressMax: 3 });
  const [releaseFirst] = [1, 2, 3].map(() => quota.reserve('a'));
  expect(() => quota.reserve('a')).toThrow('too many');
  quota.reserve('b');
  quota.reserve('c');
  expect(() => quota.reserve('d')).toThrow('too many');
  releaseFirst?.();
  // A second call has no effect.
  releaseFirst?.();
  quota.reserve('d');
  expect(() => quota.reserve('e')).toThrow('too many');
  expect(() => quota.reserve('a')).toThrow('too many');
});
