import { expect, it } from 'vitest';
import { unknownVariables } from './unknown-variables.ts';

it('SRV-2 a variable with the prefix that nothing reads is reported, with the most similar name', () => {
  expect(
    unknownVariables({ ONECAST_DEV: '1', ONECAST_CACHE: '/c', PORT: '80', ONECAST: '1' }),
  ).toEqual([]);
  expect(unknownVariables({ ONECAST_DEF: '1', ONECAST_PORT_RANGE: '80' })).toEqual([
    'ONECAST_DEF is not a variable of Onecast; do you mean ONECAST_DEV?',
    'ONECAST_PORT_RANGE is not a variable of Onecast',
  ]);
});
