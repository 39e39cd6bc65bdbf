import { defineConfig } from 'vitest/config';

// Deadlines belong to the tests; this only ends a run that hangs.
const HANG_GUARD_MS = 120_000;

// Real workers and browsers share two cores and fixed ports: one file at a time.
const oneAtATime = {
  fileParallelism: false,
  maxWorkers: 1,
  testTimeout: HANG_GUARD_MS,
  hookTimeout: HANG_GUARD_MS,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          environment: 'node',
          // A busy machine takes its time over thousands of random cases.
          testTimeout: HANG_GUARD_MS,
          include: [
            'protocol/**/*.test.ts',
            'config/**/*.test.ts',
            'backend/**/*.test.ts',
            'client/**/*.test.ts',
            'frontend/**/*.test.ts',
            'native/**/*.test.{ts,mjs}',
            'scripts/**/*.test.mjs',
            'tests/{docs,testkit}/**/*.test.ts',
          ],
        },
      },
      {
        test: { name: 'integration', include: ['tests/integration/**/*.test.ts'], ...oneAtATime },
      },
      { test: { name: 'e2e', include: ['tests/e2e/**/*.test.ts'], ...oneAtATime } },
    ],
  },
});
