import { describe, expect, test } from 'vitest';
import { failedResult, readReport, summaryLines } from './summary.mjs';

const report = (counts, testResults = []) => ({
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults,
  ...counts,
});

describe('the report of a stage', () => {
  test('counts its tests', () => {
    const json = report({ numPassedTests: 5, numPendingTests: 1, numTodoTests: 1 });
    expect(readReport(json, 0)).toMatchObject({ passed: 5, failed: 0, skipped: 2, ok: true });
  });

  test('without a test is a failure', () => {
    expect(readReport(report({}), 0)).toMatchObject({ failed: 1, ok: false, note: 'no test ran' });
    expect(readReport(report({ numPendingTests: 3 }), 0).ok).toBe(false);
  });

  test('counts a file that did not load', () => {
    const files = [{ status: 'failed', assertionResults: [] }];
    const result = readReport(report({ numPassedTests: 2 }, files), 1);
    expect(result).toMatchObject({ passed: 2, failed: 1, ok: false });
  });

  test('does not count a failed test twice', () => {
    const files = [{ status: 'failed', assertionResults: [{ status: 'failed' }] }];
    expect(readReport(report({ numFailedTests: 1 }, files), 1).failed).toBe(1);
  });

  test('counts a run that failed without a failed test', () => {
    expect(readReport(report({ numPassedTests: 2 }), 1)).toMatchObject({ failed: 1, ok: false });
  });
});

describe('the summary', () => {
  const tests = {
    stage: 'unit',
    kind: 'tests',
    seconds: 1,
    passed: 3,
    failed: 0,
    skipped: 0,
    ok: true,
  };
  const types = { stage: 'types', kind: 'static', seconds: 2, ok: true };

  test('ends with a line of only the totals', () => {
    const { lines, ok } = summaryLines([types, tests, { ...tests, stage: 'e2e', passed: 4 }]);
    expect(ok).toBe(true);
    expect(lines).toHaveLength(4);
    expect(lines.at(-1)).toBe('7 passed, 0 failed');
  });

  test('contains the skipped tests if there are any', () => {
    const { lines } = summaryLines([{ ...tests, skipped: 2 }]);
    expect(lines.at(-1)).toBe('3 passed, 0 failed, 2 skipped');
  });

  test('a failed check is a failure', () => {
    const { lines, ok } = summaryLines([{ ...types, ok: false }, tests]);
    expect(ok).toBe(false);
    expect(lines.at(-1)).toBe('3 passed, 1 failed');
  });

  test('a stage without a report is a failure', () => {
    const { ok } = summaryLines([{ stage: 'e2e', seconds: 0, ...failedResult('no report') }]);
    expect(ok).toBe(false);
  });
});
