/** Writes a gzip and a brotli twin beside every file of the bundle that gains by it, so that nothing is compressed per request. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import type { Plugin } from 'vite';

const GAINS = /\.(js|css|html|svg|json|webmanifest|txt)$/;
const SMALLEST_BYTES = 512;

export function compressed(): Plugin {
  let directory = '';
  return {
    name: 'compressed',
    apply: 'build',
    configResolved: (config) => {
      directory = resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      const names = await readdir(directory, { recursive: true });
      await Promise.all(names.filter((name) => GAINS.test(name)).map((name) => compress(join(directory, name))));
    },
  };
}

async function compress(path: string): Promise<void> {
  const content = await readFile(path);
  if (content.length < SMALLEST_BYTES) return;
  const brotli = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } });
  await Promise.all([
    writeFile(`${path}.gz`, gzipSync(content, { level: 9 })),
    writeFile(`${path}.br`, brotli),
  ]);
}
