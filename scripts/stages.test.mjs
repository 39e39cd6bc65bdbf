import { expect, test } from 'vitest';
import { parseTestArguments, stagesFor } from './stages.mjs';

test('npm test runs every stage and needs everything', () => {
  expect(stagesFor(undefined)).toEqual({
    stages: ['types', 'lint', 'format', 'unit', 'integration', 'e2e'],
    wanted: ['worker', 'egress', 'frontend', 'browser', 'network'],
  });
});

test('one stage needs no more than it uses', () => {
  expect(stagesFor('unit')).toEqual({ stages: ['unit'], wanted: [] });
  expect(stagesFor('integration').wanted).toEqual(['worker', 'egress', 'frontend']);
});

test('an unknown stage is refused with the known ones', () => {
  expect(() => stagesFor('e3e')).toThrow('no stage "e3e"');
});

test('what is not ours goes to vitest', () => {
  expect(parseTestArguments(['--only', 'e2e', '-t', 'join'])).toEqual({
    only: 'e2e',
    rest: ['-t', 'join'],
  });
  expect(parseTestArguments(['-t', 'join'])).toEqual({ only: undefined, rest: ['-t', 'join'] });
});
