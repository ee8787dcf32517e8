import type { PickedFile } from '../protocol/inspector.ts';
import { bytes } from '../shared/units.ts';
import type { ModelSource } from './source.ts';

/** Files a person picked or dropped. A path matches the file whose own path ends with it. */
export function pickedSource(files: readonly PickedFile[]): ModelSource {
  const paths = new Map(files.map(({ path, file }) => [path, file]));
  const folder = [...paths.keys()][0]?.split('/').at(0) ?? 'files';
  return {
    id: folder.replace(/\.onnx$/, ''),
    async read(path, options = {}) {
      const name = path.split('/').at(-1);
      const file =
        paths.get(path) ??
        find(paths, (key) => key.endsWith(`/${path}`)) ??
        find(paths, (key) => key === name);
      if (file === undefined) return undefined;
      const body = new Uint8Array(await file.arrayBuffer());
      const total = bytes(body.byteLength);
      options.onProgress?.({ path, loaded: total, total, cached: false });
      return body;
    },
  };
}

function find(paths: ReadonlyMap<string, File>, matches: (path: string) => boolean): File | undefined {
  for (const [path, file] of paths) if (matches(path)) return file;
  return undefined;
}
