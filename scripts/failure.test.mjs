import { expect, test } from 'vitest';
import { asFailure, Failure } from './failure.mjs';

test('a failure is one line with the command that mends it', () => {
  const failure = new Failure('npm ci failed:\n  no network.', 'npm ci');
  expect(failure.line).toBe('npm ci failed: no network. To mend it: npm ci');
  expect(new Failure('No').line).toBe('No.');
});

test('faults of the disk are told in words', () => {
  const full = Object.assign(new Error('x'), { code: 'ENOSPC' });
  expect(asFailure(full, '/c').line).toMatch(/disk of \/c is full.*ONECAST_CACHE/);
  const readOnly = Object.assign(new Error('x'), { code: 'EROFS', path: '/c/a' });
  expect(asFailure(readOnly, '/c').line).toMatch(/\/c\/a cannot be written/);
});

test('a bug of ours stays a bug', () => {
  expect(asFailure(new TypeError('x is not a function'), '/c')).toBeUndefined();
});
