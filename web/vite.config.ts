import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

import { compressed } from './build/compressed.ts';
import { precached } from './build/precached.ts';

/** The oldest browsers that the app runs in: README.md names them, index.html and src/lib/minimum.test.ts look after it. */
const MINIMUM = ['chrome111', 'edge111', 'firefox116', 'safari16.4'];

const api = process.env['API_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte(), precached(), compressed()],
  // `npm run dev` passes the API through. The Host stays that of the page, which the API knows as its own.
  server: {
    port: 5173,
    proxy: { '/v1': api, '/v2': { target: api, ws: true }, '/docs': api, '/openapi.json': api },
  },
  build: {
    target: MINIMUM,
    assetsInlineLimit: 0, // the page's policy allows no data: URLs for code, styles and fonts
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { app: 'index.html', sw: 'src/sw.ts' },
      output: { entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node', testTimeout: 60_000 },
});
