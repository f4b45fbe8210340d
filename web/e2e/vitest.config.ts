import { defineConfig } from 'vitest/config';

/** One file after the other: they share a machine with the stack that they look at. */
export default defineConfig({
  cacheDir: '../node_modules/.vite-e2e',
  test: {
    root: import.meta.dirname,
    include: ['*.e2e.ts'],
    fileParallelism: false,
    // Deadlines, not measures: a busy machine may be ten times as slow.
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
