import { defineConfig } from 'vitest/config';

const report = ['json', { outputFile: '.local/test-report.json' }] as const;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Files share what they import: nothing here replaces modules, and each import of the CDK costs seconds.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: process.env['CI'] ? ['default', [...report]] : ['default'],
  },
});
