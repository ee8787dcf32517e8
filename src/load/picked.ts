import type { PickedFile } from '../protocol/inspector.ts';
import { bytes } from '../shared/units.ts';
import { type ModelSource, refuseLonger } from './source.ts';

/** Files a person picked or dropped. A path matches the file whose own path ends with it. */
export function pickedSource(files: readonly PickedFile[]): ModelSource {
  const paths = new Map(files.map(({ path, file }) => [path, file]));
  const folder = [...paths.keys()][0]?.split('/').at(0) ?? 'files';
  const graphs = [...paths.keys()].filter((path) => path.endsWith('.onnx'));
  const [only] = graphs;
  const hasConfig = [...paths.keys()].some((path) => /(^|\/)config\.json$/.test(path));
  const at = (path: string): File | undefined => {
    const name = path.split('/').at(-1);
    return (
      paths.get(path) ?? find(paths, (key) => key.endsWith(`/${path}`)) ?? find(paths, (key) => key === name)
    );
  };
  return {
    id: folder.replace(/\.onnx$/, ''),
    ...(only !== undefined && graphs.length === 1 && !hasConfig ? { graph: only } : {}),
    size: async (path) => {
      const file = at(path);
      return file === undefined ? undefined : bytes(file.size);
    },
    async read(path, options = {}) {
      const file = at(path);
      if (file === undefined) return undefined;
      refuseLonger(path, file.size, options.limit);
      const body = new Uint8Array(await file.arrayBuffer());
      const total = bytes(body.byteLength);
      options.onProgress?.({ path, loaded: total, total, cached: false });
      return body;
    },
    list: async () => graphs,
  };
}

function find(paths: ReadonlyMap<string, File>, matches: (path: string) => boolean): File | undefined {
  for (const [path, file] of paths) if (matches(path)) return file;
  return undefined;
}
