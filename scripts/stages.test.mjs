import { expect, test } from 'vitest';
import { parseTestArguments, stagesFor } from './stages.mjs';

test('npm test runs every stage and prepares everything', () => {
  expect(stagesFor(undefined)).toEqual({
    stages: ['types', 'lint', 'words', 'format', 'unit', 'integration', 'e2e'],
    wanted: ['worker', 'egress', 'frontend', 'browser', 'network'],
  });
});

test('one stage prepares only what it needs', () => {
  expect(stagesFor('unit')).toEqual({ stages: ['unit'], wanted: [] });
  expect(stagesFor('integration').wanted).toEqual(['worker', 'egress', 'frontend']);
});

test('an unknown stage is an error that lists the stages', () => {
  expect(() => stagesFor('e3e')).toThrow('no stage "e3e"');
});

test('all other arguments go to vitest', () => {
  expect(parseTestArguments(['--only', 'e2e', '-t', 'join'])).toEqual({
    only: 'e2e',
    rest: ['-t', 'join'],
  });
  expect(parseTestArguments(['-t', 'join'])).toEqual({ only: undefined, rest: ['-t', 'join'] });
});
