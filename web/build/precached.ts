/** Plugin that replaces `__SHELL__` in the service worker's source with the files of the shell and their revisions. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Plugin } from 'vite';

const NOT_SHELL = /\.(map|br|gz)$|^sw\.js$/;

export function precached(): Plugin {
  let publicDir = '';
  return {
    name: 'precached',
    apply: 'build',
    enforce: 'post',
    configResolved: (config) => {
      publicDir = config.publicDir;
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const worker = bundle['sw.js'];
        if (worker?.type !== 'chunk') throw new Error('the bundle has no service worker');
        const shell: Record<string, string> = {};
        for (const [name, file] of Object.entries(bundle)) {
          if (!NOT_SHELL.test(name)) shell[path(name)] = revision(file.type === 'chunk' ? file.code : file.source);
        }
        for (const name of readdirSync(publicDir, { recursive: true, withFileTypes: true })) {
          if (!name.isFile()) continue;
          const file = join(name.parentPath, name.name);
          shell[file.slice(publicDir.length)] = revision(readFileSync(file));
        }
        worker.code = worker.code.replace('__SHELL__', JSON.stringify(shell));
      },
    },
  };
}

/** The page is asked for as `/`. */
function path(name: string): string {
  return name === 'index.html' ? '/' : `/${name}`;
}

function revision(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}
