// The summary of `npm test`, as pure functions of the stages' results.

/**
 * Counts the tests in vitest's JSON report. A failure outside a test (a file that does not load, an
 * unhandled rejection) counts as one failed test, and so does a run without any test.
 */
export function readReport(json, exitCode) {
  const passed = json.numPassedTests;
  const skipped = json.numPendingTests + json.numTodoTests;
  let failed = json.numFailedTests;
  const notes = [];
  const broken = json.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed'),
  ).length;
  if (broken > 0) {
    failed += broken;
    notes.push(`${broken} file(s) did not run`);
  }
  if (passed + failed === 0) {
    failed += 1;
    notes.push('no test ran');
  }
  if (exitCode !== 0 && failed === 0) {
    failed += 1;
    notes.push(`vitest ended with ${exitCode}`);
  }
  return { kind: 'tests', passed, failed, skipped, note: notes.join(', '), ok: failed === 0 };
}

export function failedResult(note) {
  return { kind: 'tests', passed: 0, failed: 1, skipped: 0, note, ok: false };
}

const counts = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

/** One line per stage, then a last line with only the totals. A failed check counts as one test. */
export function summaryLines(results) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const lines = results.map((result) => {
    if (result.kind === 'tests') {
      sum.passed += result.passed;
      sum.failed += result.failed;
      sum.skipped += result.skipped;
    } else if (!result.ok) {
      sum.failed += 1;
    }
    const text = result.kind === 'tests' ? counts(result) : result.ok ? 'clean' : 'problems found';
    const time = `${result.seconds.toFixed(1)} s`.padStart(8);
    const note = result.note ? ` (${result.note})` : '';
    return `${result.ok ? '✓' : '✗'} ${result.stage.padEnd(12)}${time}  ${text}${note}`;
  });
  return { lines: [...lines, counts(sum)], ok: results.every((result) => result.ok) };
}
