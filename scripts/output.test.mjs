import { expect, test } from 'vitest';
import { asFailure, Failure } from './output.mjs';

test('a failure is one line with the command that fixes it', () => {
  const failure = new Failure('npm ci failed:\n  no network.', 'npm ci');
  expect(failure.line).toBe('npm ci failed: no network. To fix it: npm ci');
  expect(new Failure('No').line).toBe('No.');
});

test('errors of the disk become sentences', () => {
  const full = Object.assign(new Error('x'), { code: 'ENOSPC' });
  expect(asFailure(full, '/c').line).toMatch(/disk of \/c is full.*ONECAST_CACHE/);
  const readOnly = Object.assign(new Error('x'), { code: 'EROFS', path: '/c/a' });
  expect(asFailure(readOnly, '/c').line).toMatch(/\/c\/a cannot be written/);
});

test('a bug is not a failure', () => {
  expect(asFailure(new TypeError('x is not a function'), '/c')).toBeUndefined();
});
