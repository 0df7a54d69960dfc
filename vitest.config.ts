import { defineConfig } from 'vitest/config';

const report = ['json', { outputFile: '.local/test-report.json' }] as const;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: process.env['CI'] ? ['default', [...report]] : ['default'],
  },
});
