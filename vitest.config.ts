import { defineConfig } from 'vitest/config';

const report = ['json', { outputFile: '.local/test-report.json' }] as const;

/** Long journeys of the whole relay on the embedded cloud: `npm run test:slow`. */
const SLOW = [
  'test/bench/**/*.test.ts',
  'test/docs/runbooks.test.ts',
  'test/e2e/back-pressure.test.ts',
  'test/e2e/over-time.test.ts',
  'test/e2e/permitted-calls.test.ts',
  'test/e2e/poison.test.ts',
  'test/e2e/sweep-failing.test.ts',
  'test/mutations/**/*.test.ts',
  'test/ops/**/*.test.ts',
  'test/scripts/command-line.test.ts',
  'test/scripts/contract.test.ts',
];

// Files share what they import: nothing here replaces modules, and each import of the CDK costs seconds.
const shared = {
  isolate: false,
  testTimeout: 60_000,
  hookTimeout: 120_000,
  setupFiles: ['test/support/no-leaks.ts'],
};

export default defineConfig({
  test: {
    reporters: process.env['CI'] ? ['default', [...report]] : ['default'],
    projects: [
      { test: { ...shared, name: 'fast', include: ['test/**/*.test.ts'], exclude: SLOW } },
      // One file after the other: each has a relay of its own, which wants the machine for itself.
      { test: { ...shared, name: 'slow', include: SLOW, fileParallelism: false, retry: 1 } },
    ],
  },
});
