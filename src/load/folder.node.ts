import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { bytes } from '../shared/units.ts';
import type { ModelSource } from './source.ts';

/** A folder on this machine's disk (command line and tests). */
export function folderSource(folder: string): ModelSource {
  return {
    id: basename(resolve(folder)),
    async read(path, options = {}) {
      try {
        const body = new Uint8Array(await readFile(join(folder, path)));
        const total = bytes(body.byteLength);
        options.onProgress?.({ path, loaded: total, total, cached: false });
        return body;
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
