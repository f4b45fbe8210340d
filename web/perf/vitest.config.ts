import { defineConfig } from 'vitest/config';

export default defineConfig({
  cacheDir: '../node_modules/.vite-perf',
  test: { root: import.meta.dirname, include: ['*.perf.ts'], fileParallelism: false, testTimeout: 1_500_000, hookTimeout: 60_000 },
});
